"""Serves a GGUF with llama.cpp's own server: `python -m tests.model_servers.llama_server`.

Takes the path of the model and the port. Runs in the virtual environment of that server, until it
is killed.
"""

import signal
import sys

import xllamacpp  # type: ignore[import-not-found]


def main(path: str, port: str) -> None:
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.port = int(port)
    params.n_ctx = 1 << 16  # of all slots together
    params.n_parallel = 4
    params.use_jinja = True
    params.endpoint_slots = True
    params.warmup = False
    params.cpuparams.n_threads = 1
    server = xllamacpp.Server(params)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
