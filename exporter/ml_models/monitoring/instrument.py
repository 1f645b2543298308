"""Hooks on a model object, in place, and taken off again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ml_models.errors import InstrumentationError
from ml_models.monitoring.hooks import selection, wrap
from ml_models.monitoring.recorder import Recorder

#: Methods that are hooked where a model has them.
METHODS = ("predict", "predict_proba", "decision_function", "forward")

_inside = threading.local()


class Hook:
    """A model's hooked method, as an attribute of the model.

    Methods of one model call each other (``predict`` calls ``predict_proba``); only the outermost is counted. Pickling
    or copying the model leaves the hook behind: the copy has the plain method.
    """

    def __init__(self, owner: Any, name: str, plain: Callable[..., Any], hooked: Callable[..., Any]) -> None:
        self._owner, self._name, self._plain, self._hooked = owner, name, plain, hooked
        self.__name__ = name
        self.__doc__ = plain.__doc__
        self.__wrapped__ = plain

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the method, and watch it unless the model is calling itself."""
        active = _inside.__dict__.setdefault("models", set())
        key = id(self._owner)
        if key in active:
            return self._plain(*args, **kwargs)
        active.add(key)
        try:
            return self._hooked(*args, **kwargs)
        finally:
            active.discard(key)

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (self._owner, self._name)


class Instrumentation:
    """The hooks on one model object.

    Parameters
    ----------
    model : object
        With ``predict``, ``predict_proba``, ``decision_function``, ``forward`` or ``__call__``.
    recorder : Recorder

    Raises
    ------
    InstrumentationError
        If the model has none of these, or does not allow attributes to be set.
    """

    def __init__(self, model: Any, recorder: Recorder) -> None:
        self._model = model
        self._hooked: list[str] = []
        self._class: type | None = None
        names = [name for name in METHODS if callable(getattr(model, name, None))]
        kind = type(model)
        if not names and (isinstance(model, type) or hasattr(model, "__code__") or not callable(model)):
            raise InstrumentationError(
                f"model of type {kind.__name__}: nothing to hook in place; it needs one of "
                f"{', '.join(METHODS)} or __call__. Decorate a function with @monitor.track instead"
            )
        try:
            for name in names:
                plain = getattr(model, name)
                hooked = wrap(plain, recorder, recorder.channel(name), selection(plain, None, None, None))
                object.__setattr__(model, name, Hook(model, name, plain, hooked))
                self._hooked.append(name)
            if not names:
                self._hook_call(recorder)
        except (AttributeError, TypeError) as error:
            self.remove()
            raise InstrumentationError(
                f"model of type {kind.__name__} does not allow its methods to be replaced ({error}); "
                "decorate the function that calls it with @monitor.track"
            ) from error

    def _hook_call(self, recorder: Recorder) -> None:
        """Replace the class of an object that is only callable by a subclass: there Python looks ``__call__`` up."""
        kind = type(self._model)
        plain = kind.__call__.__get__(self._model)
        hooked = wrap(plain, recorder, recorder.channel("call"), selection(plain, None, None, None))

        def call(_self: Any, *args: Any, **kwargs: Any) -> Any:
            return hooked(*args, **kwargs)

        def reduce(own: Any, protocol: Any) -> Any:
            reduced = list(super(type(own), own).__reduce_ex__(protocol))
            reduced[1] = tuple(kind if part is type(own) else part for part in reduced[1])
            return tuple(reduced)

        namespace = {"__call__": call, "__reduce_ex__": reduce, "__module__": kind.__module__, "__slots__": ()}
        self._model.__class__ = type(kind.__name__, (kind,), namespace)
        self._class = kind

    def remove(self) -> None:
        """Give the model its own methods back."""
        for name in self._hooked:
            if isinstance(self._model.__dict__.get(name), Hook):
                object.__delattr__(self._model, name)
        self._hooked.clear()
        if self._class is not None:
            self._model.__class__ = self._class
            self._class = None
