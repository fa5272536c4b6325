"""Serving: one captioner behind a bounded queue, and the doors to it.

Enters: requests over HTTP. Leaves: captions, one result a picture. The way of a picture is `sources` (read it) ->
`decoders` (pixels, in a process that can be killed) -> `batcher` (one forward pass for all that wait) -> `Answer`;
`engine` joins these, and every door calls it and nothing below it.
"""
