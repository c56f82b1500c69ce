# In place of docker.io/chromadb/chroma where no registry of images is reached: the server that its npm package carries.
#   podman build --file tests/containers/stand-ins/chroma.Dockerfile --tag localhost/chroma-trial FOLDER
# FOLDER has the package (npm install --prefix FOLDER chromadb-js-bindings-linux-x64-gnu@1.0.5).
ARG NODE_IMAGE
FROM ${NODE_IMAGE}
COPY node_modules /opt/chroma/node_modules
WORKDIR /data
ENV CHROMA=/opt/chroma/node_modules/chromadb-js-bindings-linux-x64-gnu
ENTRYPOINT ["tini", "--", "node", "-e", "require(process.env.CHROMA).cli(['chroma', 'run', '--host', '0.0.0.0', '--path', '/data', '--port', '8000'])"]
