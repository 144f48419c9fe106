"""Adds two numbers later, in a Flask application.

TIMER_URL=http://127.0.0.1:8000 TIMER_TASKS_URL=http://127.0.0.1:5000/tasks TIMER_SIGNING_SECRETS=whsec_... \
gunicorn --chdir examples --bind 127.0.0.1:5000 --threads 8 flask_app:app
"""

from flask import Flask, Response, abort, jsonify, request

from timer_service.tasks import ResultTimeout, TaskFailed, TaskNotFound, Tasks
from timer_service.tasks.flask import blueprint

tasks = Tasks.from_env()
app = Flask(__name__)
app.register_blueprint(blueprint(tasks))  # serves POST /tasks


@tasks.task(max_attempts=5, backoff=[1, 5], timeout=30)
def add(a: int, b: int) -> int:
    return a + b


@app.post("/sums")
def begin() -> tuple[Response, int]:
    asked = request.get_json()
    return jsonify(id=add.delay(asked["a"], asked["b"]).id), 202


@app.get("/sums/<id>")
def look(id: str) -> tuple[Response, int]:
    try:
        return jsonify(result=tasks.handle(id).get(timeout=0)), 200
    except ResultTimeout:
        return jsonify(result=None), 202
    except TaskFailed as error:
        return jsonify(error=str(error)), 200
    except TaskNotFound:
        abort(404)
