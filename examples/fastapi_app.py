"""Adds two numbers later, in a FastAPI application.

TIMER_URL=http://127.0.0.1:8000 TIMER_TASKS_URL=http://127.0.0.1:5000/tasks/ TIMER_SIGNING_SECRETS=whsec_... \
uvicorn --app-dir examples --port 5000 fastapi_app:app
"""

from typing import Annotated

from fastapi import Body, FastAPI, HTTPException

from timer_service.tasks import ResultTimeout, TaskFailed, TaskNotFound, Tasks

tasks = Tasks.from_env()
app = FastAPI()
app.mount("/tasks", tasks.asgi_app)  # serves POST /tasks/; FastAPI redirects without the slash


@tasks.task(max_attempts=5, backoff=[1, 5], timeout=30)
async def add(a: int, b: int) -> int:
    return a + b


@app.post("/sums", status_code=202)
def begin(a: Annotated[int, Body()], b: Annotated[int, Body()]) -> dict[str, str]:
    return {"id": add.delay(a, b).id}  # waits for the service: in a route that is not async, so in a thread


@app.get("/sums/{id}")
def look(id: str) -> dict[str, object]:
    try:
        return {"result": tasks.handle(id).get(timeout=0)}
    except (ResultTimeout, TaskFailed) as error:
        return {"result": None, "why": str(error)}
    except TaskNotFound as error:
        raise HTTPException(404, str(error)) from None
