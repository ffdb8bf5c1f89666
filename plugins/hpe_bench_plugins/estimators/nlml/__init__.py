"""NLML-HPE: head pose by non-linear manifold learning on a tensor of facial landmarks."""
