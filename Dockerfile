# One image for all: `timer-service api`, `timer-service poller`, `timer-service history`.
FROM python:3.12-slim AS build
WORKDIR /src
# Pinned and hashed, into an environment without pip.
COPY requirements/build.txt requirements/image.txt requirements/
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements/build.txt \
 && python -m venv --without-pip /opt/timer-service \
 && pip --python /opt/timer-service/bin/python install --no-cache-dir --disable-pip-version-check \
    --require-hashes -r requirements/image.txt
COPY pyproject.toml setup.cfg README.md LICENSE ./
COPY scheduler scheduler
COPY timer_service timer_service
# With the setuptools of build.txt, not with one that pip would fetch without a hash.
RUN pip wheel --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir /dist . \
 && pip --python /opt/timer-service/bin/python install --no-cache-dir --disable-pip-version-check --no-deps /dist/*.whl

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
