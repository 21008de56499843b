"""Composed settings against their types, before any work: what is declared, what a group makes."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from typing import Any, get_type_hints

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import InterpolationToMissingValueError

from sgnet.commands.settings import SCHEMAS
from sgnet.commands.value_types import HYDRAS, Settings, converted, require_known

Node = DictConfig | ListConfig
OURS = "sgnet."
# training fills them in where they are null; see sgnet.training.input_size
FOLLOWING = ("model.mask_head.cell_size", "criterion.assigner.ranges")
READ_ELSEWHERE = ("model.weights",)  # beside a constructor's parameters; training reads it


def check_settings(name: str, cfg: DictConfig) -> None:
    """Converts settings to their types, or refuses them.

    A command's own settings have the types of `SCHEMAS`, those with a `_target_` of this package
    the types of its constructor or function. Others' targets are left to themselves, and settings
    that are added are not looked at.

    Args:
        name: of the command.
        cfg: its settings; values become what their types say, such as 2024 the text "2024".

    Raises:
        ValueError: a setting has another type, lies out of its bounds, or nothing knows it.
    """
    if name in SCHEMAS:
        _convert(cfg, SCHEMAS[name], "")
    _check_targets(cfg, "")


def _convert(node: Any, schema: type[Settings], prefix: str) -> None:  # noqa: ANN401
    for key, kind in get_type_hints(schema, include_extras=True).items():
        if key not in node or OmegaConf.is_missing(node, key):
            continue
        is_group = isinstance(kind, type) and issubclass(kind, Settings)
        if not (is_group and isinstance(node[key], DictConfig)):
            _set(node, key, kind, prefix)
            continue
        require_known(set(node[key]) - HYDRAS, list(get_type_hints(kind)), f"{prefix}{key}")
        _convert(node[key], kind, f"{prefix}{key}.")


def _check_targets(node: Node, prefix: str) -> None:
    """Of a node and all below it; what is only referred to is checked where it stands."""
    target = node.get("_target_") if isinstance(node, DictConfig) else None
    if isinstance(target, str) and target.startswith(OURS):
        _check_target(node, target, prefix)
    for key in list(_keys(node)):
        if OmegaConf.is_missing(node, key) or OmegaConf.is_interpolation(node, key):
            continue
        if OmegaConf.is_config(node[key]):
            _check_targets(node[key], f"{prefix}{key}.")


def _check_target(node: Any, target: str, prefix: str) -> None:  # noqa: ANN401
    made = _found(target)
    if made is None:
        return  # Hydra says so when it is made
    kinds, is_open = _parameters(made)
    if not is_open:
        names = {key for key in node if f"{prefix}{key}" not in READ_ELSEWHERE}
        require_known(names - HYDRAS, list(kinds), f"{prefix.rstrip('.')} ({target})".lstrip())
    for key in set(node) & set(kinds):
        follows = f"{prefix}{key}" in FOLLOWING and node.get(key) is None
        if not (follows or OmegaConf.is_missing(node, key)):
            _refuse_interpolation(node, key, prefix)
            _set(node, key, kinds[key], prefix)


def _refuse_interpolation(node: Any, key: Any, prefix: str) -> None:  # noqa: ANN401
    """Of text that holds ${ once it is resolved: Hydra resolves again what makes an object."""
    try:
        value = node[key]
    except InterpolationToMissingValueError:
        return
    if isinstance(value, str) and "${" in value:
        raise ValueError(f"{prefix}{key} must be text without '${{', got {value!r}")


def _set(node: Any, key: Any, kind: Any, prefix: str) -> None:  # noqa: ANN401
    """Converts one value in its place."""
    try:
        value = node[key]
    except InterpolationToMissingValueError:
        return  # filled in later
    if OmegaConf.is_config(value):
        if _holds_targets(value):
            return
        value = OmegaConf.to_container(value, resolve=True)
    new = converted(value, kind, f"{prefix}{key}")
    if type(new) is not type(value) or new != value:
        node[key] = new


def _holds_targets(node: Node) -> bool:
    """Whether something in it is made of settings, so that the node is not the value."""
    if isinstance(node, DictConfig) and "_target_" in node:
        return True
    found = (node[key] for key in _keys(node) if not OmegaConf.is_missing(node, key))
    return any(_holds_targets(value) for value in found if OmegaConf.is_config(value))


def _found(target: str) -> Any:  # noqa: ANN401
    """The class or function of a name; None where there is none."""
    module, _, name = target.rpartition(".")
    try:
        found = getattr(import_module(module), name, None)
    except ImportError:
        return None
    return found if callable(found) else None


def _parameters(made: Any) -> tuple[dict[str, Any], bool]:  # noqa: ANN401
    """Types of the parameters, Any where none is known, and whether there may be others.

    What a constructor takes by `**name` are its parents' parameters. The constructors are read, not
    the classes: Lightning's data modules have a metaclass that hides them.
    """
    if not inspect.isclass(made):
        return _of_function(made)
    kinds: dict[str, Any] = {}
    for kind in made.__mro__:
        if not kind.__module__.startswith(OURS):
            return kinds, True
        if "__init__" in vars(kind):
            own, is_open = _of_function(vars(kind)["__init__"])
            kinds = {**own, **kinds}
            if not is_open:
                break
    kinds.pop("self", None)
    return kinds, False


def _of_function(function: Any) -> tuple[dict[str, Any], bool]:  # noqa: ANN401
    try:
        signature = inspect.signature(function, eval_str=True)
    except NameError:  # of a type that is imported for type checkers alone
        signature = inspect.signature(function)
    parameters = signature.parameters.values()
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    kinds = {p.name: p.annotation for p in parameters if p.kind in named}
    return kinds, any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)


def _keys(node: Node) -> Iterator[Any]:
    return iter(node) if isinstance(node, DictConfig) else iter(range(len(node)))
