"""``/api/v1``: everything that the command line does, as JSON. OpenAPI at ``/api/v1/openapi.json``."""
