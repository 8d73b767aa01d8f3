"""What the tests of clawbridge share: a second, independent reading of the wire contract, and the harness.

Nothing here uses the project's own code. Only the standard library, python3-jsonschema and python3-cryptography.
"""
