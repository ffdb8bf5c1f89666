"""6DRepNet: head pose by the 6D representation of rotations (Hempel, Abdelrahman, Al-Hamadi, ICIP 2022)."""
