"""Tallies of the parts of data that lies on many machines: Arrow in, a packed tally out, and tallies that merge.

No framework is needed here. Whatever can run a function on each part of its data and bring the results together can
tally: Spark (:mod:`ml_models.spark`), Dask, Ray, a pool of processes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Any

from ml_models.profile.counting import TableCounter
from ml_models.profile.reference import ReferenceProfile
from ml_models.profile.sources import Source
from ml_models.profile.tally import Layout, Tally


def tally_batches(data: Any, reference: ReferenceProfile, found: Collection[str] | None = None) -> bytes:
    """Count one part of the data in the bins of a reference.

    Parameters
    ----------
    data : iterator of Arrow tables or record batches, or anything that :func:`ml_models.profile.sources.batches` takes
        Read once, batch by batch.
    reference : ReferenceProfile
    found : collection of str, optional
        Names of all the data's columns, where the batches hold only those that the reference profiles.

    Returns
    -------
    bytes
        For :func:`merge` and :func:`tally_of`. The same rows give the same bytes, however they are cut into batches.

    Examples
    --------
    >>> reference = ReferenceProfile.fit({"x": [1.0, 2.0, 3.0]})
    >>> parts = [tally_batches({"x": [1.0, None]}, reference), tally_batches({"x": [9.0]}, reference)]
    >>> tally_of(merge(parts, reference), reference).cells[0, :3].tolist()  # rows, missing, invalid
    [3, 1, 0]
    """
    layout = _layout(reference)
    counter = TableCounter(layout, [name for name, _ in reference.skipped])
    others = {feature.name: row for row, feature in enumerate(layout.features) if feature.role != "feature"}
    tally = Tally(layout)
    for table in Source(data).tables():
        counter.check(tally, table.rows, table.by_name if found is None else found, others)
        counter.add_features(tally, table.by_name, table.rows)
        for name, row in others.items():
            if name in table.by_name:
                tally.add_column(row, table.by_name[name])
    return tally.to_bytes()


def merge(parts: Iterable[bytes], reference: ReferenceProfile) -> bytes:
    """Return the sum of packed tallies, of which one at a time is unpacked; of none it is the empty tally.

    Raises
    ------
    DataError
        If one is damaged, or was counted with another reference.
    """
    total = Tally(_layout(reference))
    for part in parts:
        total += Tally.from_bytes(total.layout, part)
    return total.to_bytes()


def tally_of(part: bytes, reference: ReferenceProfile) -> Tally:
    """Return a packed tally, of which the reference must be the one that was counted with.

    Raises
    ------
    DataError
        If it is another one, or the bytes are damaged.
    """
    return Tally.from_bytes(_layout(reference), part)


@lru_cache(maxsize=4)
def _layout(reference: ReferenceProfile) -> Layout:
    """Return the layout, which a process that counts many parts makes once."""
    return Layout.of(reference, multivariate=True)
