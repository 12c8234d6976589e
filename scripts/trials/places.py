"""Where records are kept: a folder, or a folder and a PostgreSQL server of the trial's own."""

import contextlib
import os
import pathlib
import shutil
import signal
import tempfile

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


def choose_databases(parser):
    """Lets a trial be asked for on one database."""
    parser.add_argument("databases", nargs="*", choices=[[], "sqlite", "postgres"], help="both if none is named")


def each_database(arguments):
    """Every database asked for, each with its name and a place of its own as `place` gives it."""
    for database in arguments.databases or ("sqlite", "postgres"):
        with tempfile.TemporaryDirectory(prefix="claimlens-trial-") as folder, place(folder, database) as found:
            yield database, *found
