"""The registration API of Houdini's hwebserver: not built yet."""
