"""Euler orders: in which order the turns by yaw, pitch and roll make a rotation.

MAE depends on it, where GE and VMAE do not, so it is part of a protocol. The angles themselves are in
:mod:`hpe_bench.pose`.
"""

from __future__ import annotations

from typing import Literal, get_args

#: The outermost turn first. An angle of a small turn has the same sign in each of them.
EulerOrder = Literal["pitch-yaw-roll", "yaw-pitch-roll", "roll-yaw-pitch"]

EULER_ORDERS: tuple[EulerOrder, ...] = get_args(EulerOrder)
DEFAULT_ORDER: EulerOrder = "pitch-yaw-roll"
#: What each order writes ``R`` as, X, Y and Z being the right-handed turns about the camera's axes.
FORMULAS: dict[EulerOrder, str] = {
    "pitch-yaw-roll": "X(-pitch) Y(yaw) Z(roll)",
    "yaw-pitch-roll": "Y(yaw) X(-pitch) Z(roll)",
    "roll-yaw-pitch": "Z(roll) Y(yaw) X(-pitch)",
}


def names_in_order(order: EulerOrder) -> tuple[str, str, str]:
    """The names of the angles, the outermost first; :class:`ValueError` of no order."""
    if order not in EULER_ORDERS:
        raise ValueError(f"no Euler order '{order}'; there is {', '.join(EULER_ORDERS)}")
    first, middle, last = order.split("-")
    return first, middle, last


def order_note(order: EulerOrder) -> str:
    """What has to be said of an MAE that is counted in an order."""
    return f"MAE of angles in the order {order}, R = {FORMULAS[order]}; GE and VMAE are the same in any"
