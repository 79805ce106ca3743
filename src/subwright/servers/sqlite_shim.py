# mypy: ignore-errors
"""Stands in for the standard library's `sqlite3`, as `sqlite3/__init__.py` of a fetched wheel.

The wheels' modules are older copies of the standard library's, which since 3.11 gives the extended code of an error as
`sqlite_errorcode`; they know the primary one alone. The extended code is asked of the library inside of the module.
"""

import ctypes
import sys

import pysqlite3 as _module
import pysqlite3._sqlite3 as _sqlite3
import pysqlite3.dbapi2 as _dbapi2

_extended_errcode = ctypes.CDLL(_sqlite3.__file__).sqlite3_extended_errcode
_extended_errcode.argtypes, _extended_errcode.restype = [ctypes.c_void_p], ctypes.c_int


def _with_code(name):
    original = getattr(_dbapi2.Cursor, name)

    def method(self, *args):
        try:
            return original(self, *args)
        except _dbapi2.Error as error:
            # the handle of the database is the first member of a connection object
            address = id(self.connection) + object.__basicsize__
            error.sqlite_errorcode = _extended_errcode(ctypes.c_void_p.from_address(address))
            raise

    return method


class Cursor(_dbapi2.Cursor):
    """A cursor whose errors tell the extended code."""


for _name in ("execute", "executemany", "executescript", "fetchone", "fetchmany", "fetchall"):
    setattr(Cursor, _name, _with_code(_name))


class Connection(_dbapi2.Connection):
    """A connection with such cursors."""

    def cursor(self, factory=Cursor):
        return super().cursor(factory)

    def execute(self, *args):
        return self.cursor().execute(*args)


def connect(*args, **kwargs):
    """Connect as the standard library does."""
    kwargs.setdefault("factory", Connection)
    return _sqlite3.connect(*args, **kwargs)


_module.connect = _dbapi2.connect = connect
sys.modules["sqlite3.dbapi2"] = _dbapi2
sys.modules[__name__] = _module
