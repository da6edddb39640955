"""The scripted model: an OpenAI-compatible server that answers from a script.

It serves `POST /v1/chat/completions`, `POST /v1/responses`, `GET /v1/models` and
`GET /v1/models/{id}` on a socket of its own, so that demo, tests and benchmarks go through the same
HTTP client and decoder as a real model. Any key and any model name will do, except names that begin
with ``no-such-`` (404).

People talk to it in plain words; *What can you do?* lists some. Tests write a line into the user's
last text:

    scenario: NAME key=value key='value with spaces'

| scenario | its words (default) | what the model does |
| --- | --- | --- |
| ``text`` | tokens (20) | says ``word0 word1 …``, one word a token |
| ``say`` | text | says this |
| ``unicode``, ``markdown`` | | says a text full of it |
| ``surrogate`` | | a surrogate pair cut over two tokens, and half a pair |
| ``reasoning`` | tokens (12) | shows reasoning, then text |
| ``length``, ``content-filter`` | tokens (5) | ends with this finish reason |
| ``refusal`` | | refuses |
| ``call`` | tool (the first), arguments (samples), count (1), text | calls, then tells the output |
| ``bad-arguments`` | tool, kind=json or type (json) | bad arguments, then good ones, then text |
| ``unknown-tool`` | name (no_such_tool) | calls a tool that was not offered, then text |
| ``loop`` | tool | calls a tool at every step |
| ``error`` | status (500), code, message, retry_after | an HTTP error |
| ``hang`` | gate, or seconds (30) | no headers until then |
| ``stall`` | after (3), gate, or seconds (30) | silence after so many tokens |
| ``error-inside`` | after (3) and those of ``error`` | an error object in the stream |
| ``failed`` | the same | the run fails (`response.failed`) |
| ``break-off`` | after (3), before (no) | closes the connection, ``before`` the headers or after |
| ``sources`` | | text with two cited pages |
| ``search`` | query | searches the web on the model's side, then the same |
| ``run-code`` | | runs code on the model's side, then text |
| ``schema-violation`` | | JSON that no sensible schema allows |

Every scenario also knows ``times`` (only the first so many requests with the same body, then it
works) and how the events meet the network: ``delay`` (seconds before each token),
``events_per_write``, ``bytes_per_write``, ``crlf=yes``, ``comments=yes``, ``usage=no``,
``done=no``. A directive with a word that it does not know is answered with 400.

A request with a JSON schema gets a sample that fits it. `max_completion_tokens` is obeyed.
"""
