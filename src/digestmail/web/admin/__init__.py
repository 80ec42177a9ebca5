"""``/admin``: the operator's pages. Closed unless there is an admin token."""
