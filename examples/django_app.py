"""A task of Django's that runs later, beside `timer-service up`.

TIMER_URL=http://127.0.0.1:8000 TIMER_TASKS_URL=http://localhost:8001/timer-tasks/ TIMER_SIGNING_SECRETS=whsec_... \
gunicorn --chdir examples --bind localhost:8001 django_app:application
$ curl localhost:8001/add/2/3; curl localhost:8001/results/<id>
"""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import Http404, HttpRequest, JsonResponse
from django.tasks import task  # Django 6; before that: django_tasks, of the package django-tasks
from django.tasks.exceptions import TaskResultDoesNotExist
from django.urls import path

from timer_service.tasks.django import run_task

TASKS = {"default": {"BACKEND": "timer_service.tasks.django.TimerBackend"}}  # the rest: TIMER_... in the environment
settings.configure(SECRET_KEY="example", ALLOWED_HOSTS=["localhost"], ROOT_URLCONF=__name__, TASKS=TASKS)
application = get_wsgi_application()


@task
def add(one: int, other: int) -> int:
    return one + other


def result(_: HttpRequest, id: str) -> JsonResponse:
    try:
        found = add.get_result(id)
    except TaskResultDoesNotExist as error:
        raise Http404 from error
    return JsonResponse({"status": found.status, "value": found.return_value if found.is_finished else None})


urlpatterns = [
    path("add/<int:one>/<int:other>", lambda _, one, other: JsonResponse({"id": add.enqueue(one, other).id})),
    path("results/<id>", result),
    path("timer-tasks/", run_task),
]
