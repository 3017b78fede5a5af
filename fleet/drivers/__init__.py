"""The only modules that talk to the outside, one per outside thing. A driver takes arguments and gives typed values; it
never decides."""
