"""Other libraries, each trained as its documentation does; `prepare` as in `handwritten`."""
