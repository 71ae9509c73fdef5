# The harness with TensorFlow and OpenVINO. Runs as any uid, without a home folder and with a read-only root file system.
#   docker build -t conversion-accuracy-harness .
#   docker run --rm conversion-accuracy-harness                              # the demo
#   docker run --rm -u "$(id -u)" -v "$PWD:/work" conversion-accuracy-harness validate config.yml
FROM python:3.12-slim AS build
WORKDIR /src
COPY . .
# The lock's versions without its hashes: with hashes, pip would demand one for the wheel, too.
RUN python -m pip install --no-cache-dir --disable-pip-version-check build \
 && python -m build --wheel --outdir /dist \
 && sed -e 's/ \\$//' -e '/^ *--hash/d' requirements.lock > /dist/constraints.txt

FROM python:3.12-slim
COPY --from=build /dist /dist
RUN wheel="$(ls /dist/*.whl)" \
 && python -m pip install --no-cache-dir --disable-pip-version-check -c /dist/constraints.txt "${wheel}[all]" \
 && rm -r /dist \
 && mkdir -m 1777 /work
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/nonexistent
WORKDIR /work
USER 10001:10001
ENTRYPOINT ["harness"]
CMD ["demo"]
