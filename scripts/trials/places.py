"""Where records are kept: a folder, or a folder and a PostgreSQL server of the trial's own."""

import contextlib
import os
import pathlib
import shutil
import signal

from client import common


@contextlib.contextmanager
def place(folder, database):
    """The data folder, the environment that names the database, and what asks it."""
    folder = pathlib.Path(folder)
    data = folder / "data"
    if database == "sqlite":
        yield data, os.environ, common.in_folder(data)
        return
    from postgres import AS_USER, Server

    os.chmod(folder, 0o755)
    home = folder / "server"
    home.mkdir(0o755)
    if AS_USER:
        shutil.chown(home, "postgres", "postgres")
    server = Server(home)
    try:
        yield data, os.environ | {"CLAIMLENS_DATABASE": f"postgres://postgres@localhost/claims?host={home}"}, server.ask
    finally:
        server.end(signal.SIGQUIT)
