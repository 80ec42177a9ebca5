"""The API, put together: an application of its own below ``/api/v1``."""

from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from digestmail import __version__
from digestmail.web.api import archive, explaining, readers, rights, sending
from digestmail.web.api.problems import Problem, add_handlers
from digestmail.web.attempts import Attempts
from digestmail.web.house import House, Trigger

_bearer = HTTPBearer(auto_error=False, description="`web.admin_token` of config.yaml.")


def _authorize(request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> None:
    """Raises Denied."""
    attempts: Attempts = request.app.state.attempts
    attempts.check(given.credentials if given else "", request.state.client)


def build_api(house: House, attempts: Attempts, trigger: Trigger | None) -> FastAPI:
    """The API of a newsletter."""
    app = FastAPI(
        title=f"{house.settings.name}: digestmail",
        version=__version__,
        description="Everything the `digestmail` command does. Errors are problem details (RFC 9457).",
        servers=[{"url": f"{house.settings.base_url}/api/v1"}],
        root_path_in_servers=False,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        dependencies=[Depends(_authorize)],
    )
    app.state.house, app.state.attempts, app.state.trigger = house, attempts, trigger
    for part in (readers, rights, explaining, archive, sending):
        app.include_router(part.router)
    add_handlers(app)

    @app.get("/openapi.json", include_in_schema=False)
    def openapi() -> dict[str, Any]:
        return with_problems(app.openapi())

    return app


def with_problems(document: dict[str, Any]) -> dict[str, Any]:
    """An OpenAPI document that knows what a problem is: operations refer to it."""
    schemas = document["components"]["schemas"]
    if "Problem" not in schemas:
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= problem.pop("$defs")
        schemas["Problem"] = problem
    return document
