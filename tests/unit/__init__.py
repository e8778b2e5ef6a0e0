"""Pure code, milliseconds each; the folders mirror the modules."""
