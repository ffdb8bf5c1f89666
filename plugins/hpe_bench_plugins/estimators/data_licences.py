"""The licences of what published checkpoints were trained on."""

_DATA = {"300W_LP": "research only (300W-LP)", "BIWI": "research only (BIWI)"}


def data_licence(name: str) -> str:
    """The licence of what the set of a name, such as 300W_LP, was trained on; of other names it is not known."""
    found = next((licence for data, licence in _DATA.items() if name.upper().startswith(data)), "")
    return found or f"not known: that of what {name} was trained on"
