# One image, two roles: `timer-service api` and `timer-service poller`.
FROM python:3.12-slim AS build
WORKDIR /src
RUN python -m venv /opt/timer-service
COPY pyproject.toml setup.cfg README.md LICENSE ./
COPY scheduler scheduler
COPY timer_service timer_service
RUN /opt/timer-service/bin/pip install --no-cache-dir --disable-pip-version-check ".[fast]"

FROM python:3.12-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin timer
COPY --from=build /opt/timer-service /opt/timer-service
ENV PATH=/opt/timer-service/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 TIMER_HOST=0.0.0.0
USER timer
EXPOSE 8000
# The API answers /livez; a poller, known by its TIMER_HEARTBEAT_FILE, goes round its loop.
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s --retries=3 CMD ["timer-service", "health"]
# Exec form, so that signals arrive.
ENTRYPOINT ["timer-service"]
CMD ["api"]
