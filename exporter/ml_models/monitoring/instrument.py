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

_NOTHING = object()
_class_of: Any = object.__dict__["__class__"]
_MARK = "__hooked_by_ml_models__"


class Hook:
    """A model's hooked method, as an attribute of the model.

    Methods of one model call each other (``predict`` calls ``predict_proba``); only the outermost is counted.
    """

    def __init__(self, owner: Any, name: str, plain: Callable[..., Any], hooked: Callable[..., Any]) -> None:
        self._owner, self._name, self._plain, self._hooked = owner, name, plain, hooked
        #: What the model itself had in the place of the hook, as opposed to its class.
        self.shadowed = _attributes(owner).get(name, _NOTHING)
        self.__name__ = name
        self.__doc__ = plain.__doc__
        self.__wrapped__ = plain

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the method, monitored unless another method of the model calls it."""
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


class _PlainCopies:
    """The ``__reduce_ex__`` of a hooked model: pickles and copies of it are plain."""

    shadowed = _NOTHING

    def __init__(self, owner: Any) -> None:
        self._owner = owner

    def __call__(self, protocol: Any) -> Any:
        """Return what the model's class returns, without hooks."""
        kind: Any = type(self._owner)
        reduced = kind.__reduce_ex__(self._owner, protocol)
        if not isinstance(reduced, tuple) or len(reduced) < 3:
            return reduced
        state = reduced[2]
        if isinstance(state, tuple):  # attributes, and slots
            plain: Any = tuple(_without_hooks(part) for part in state)
        else:
            plain = _without_hooks(state)
        return *reduced[:2], plain, *reduced[3:]


def _without_hooks(state: Any) -> Any:
    if not isinstance(state, dict):
        return state
    plain = {name: value.shadowed if isinstance(value, _HOOKS) else value for name, value in state.items()}
    return {name: value for name, value in plain.items() if value is not _NOTHING}


_HOOKS = (Hook, _PlainCopies)


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
        If the model has none of these, does not allow attributes to be set, or is hooked already.
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
        if _MARK in kind.__dict__ or any(isinstance(one, _HOOKS) for one in _attributes(model).values()):
            raise InstrumentationError(
                f"model of type {kind.__name__} is hooked by another monitor already; stop that one, or give one "
                "monitor the model and have the other track functions"
            )
        try:
            for name in names:
                plain = getattr(model, name)
                hooked = wrap(plain, recorder, recorder.channel(name), selection(plain))
                self._set(name, Hook(model, name, plain, hooked))
            if names:
                self._set("__reduce_ex__", _PlainCopies(model))
            else:
                self._hook_call(recorder)
        except (AttributeError, TypeError) as error:
            self.remove()
            raise InstrumentationError(
                f"model of type {kind.__name__} does not allow its methods to be replaced ({error}); "
                "decorate the function that calls it with @monitor.track"
            ) from error

    def _set(self, name: str, hook: Hook | _PlainCopies) -> None:
        object.__setattr__(self._model, name, hook)
        self._hooked.append(name)

    def _hook_call(self, recorder: Recorder) -> None:
        """Give an object that is only callable a subclass: Python looks ``__call__`` up in the class."""
        model = self._model
        kind: Any = type(model)
        plain = kind.__call__.__get__(model)
        hooked = wrap(plain, recorder, recorder.channel("call"), selection(plain))

        def call(own: Any, *args: Any, **kwargs: Any) -> Any:
            return hooked(*args, **kwargs) if own is model else kind.__call__(own, *args, **kwargs)

        def reduce(own: Any, protocol: Any) -> Any:
            reduced = kind.__reduce_ex__(own, protocol)
            if not isinstance(reduced, tuple):
                return reduced
            return reduced[0], tuple(kind if part is type(own) else part for part in reduced[1]), *reduced[2:]

        namespace = {
            "__call__": call,
            "__reduce_ex__": reduce,
            "__class__": property(lambda _: kind),  # what pickle, scikit-learn and others ask for
            "__module__": kind.__module__,
            "__qualname__": kind.__qualname__,
            "__doc__": kind.__doc__,
            "__slots__": (),
            _MARK: True,
        }
        model.__class__ = type(kind.__name__, (kind,), namespace)
        self._class = kind

    def remove(self) -> None:
        """Give the model its own methods back."""
        for name in self._hooked:
            hook = _attributes(self._model).get(name)
            if not isinstance(hook, _HOOKS):
                continue  # the application has put something else there since
            if hook.shadowed is _NOTHING:
                object.__delattr__(self._model, name)
            else:
                object.__setattr__(self._model, name, hook.shadowed)
        self._hooked.clear()
        if self._class is not None:
            _class_of.__set__(self._model, self._class)
            self._class = None


def _attributes(model: Any) -> dict[str, Any]:
    return getattr(model, "__dict__", {})
