"""Retention: when what identifies somebody is over is proposed by the clock, decided by a person, carried out later.

`courses` (what intake remembers of cases), `proposals` (how they are stored and change), `review` (proposing and
carrying out), `decisions` (what a person decides, and holds).
"""
