"""The texts that the scripted model says: short, honest, in Markdown."""

GREETING = """\
Hello! I am the **scripted model**. I follow a script and understand very little, but I stream \
like a real one.

Try:

- *What can you do?*
- *What is the weather in Bergen and Lisbon?*
- *Show me Markdown.*
"""

HELP = """\
# The scripted model

I am a script behind the API of a language model, so you can try everything without a key.

| Say | and you see |
| --- | --- |
| *What is the weather in Bergen and Lisbon?* | two tool calls side by side |
| *Run the slow process "tea" with 5 steps* | a tool that reports while it works |
| *Where am I?* | a tool that runs in your browser |
| *Send an email to ada@example.com about tea* | a tool that asks you first |
| *Think about it* | reasoning before the answer |
| *Show me Markdown* | headings, a list, code, a table |
| *A long text* | an answer that takes a while |
| *Break off*, *Stall*, *Rate limit* | what your app does when a model fails |
| *What did I say first?* | that the history arrives |

Send me a file and I tell you what arrived. To talk to a real model, set `OPENAI_API_KEY`, or \
`OPENAI_BASE_URL` for any compatible server.
"""

MARKDOWN = """\
## A little of everything

Text can be **bold**, *slanted*, `code`, or a [link](https://ai-sdk.dev).

1. Deltas come in,
2. lines go out,
   - and lists may nest.

```python
async for delta in stream:
    print(delta, end="")  # "quotes", \\\\ and a newline: \\n
```

| protocol | client |
| --- | --- |
| data stream | AI SDK 3.4 and 4 |
| UI message stream | AI SDK 5 to 7 |

> I am the scripted model: this answer is always the same.
"""

UNICODE = (
    "é ü ñ · 漢字 かな 한글 · Ελληνικά · العربية עברית · 😀 👩‍👩‍👧‍👦 🇳🇴 · e\u0301 · "
    "\"quotes\" 'single' \\backslash\\ </script> \t tab \u2028 line separator\nand a new line."
)

ECHO = """\
You said: "{text}"

This is turn {turn}. I am the scripted model, so I cannot say much about it; ask me \
*What can you do?*"""

HISTORY = 'You said: "{text}"\n\nI looked in the history; this is turn {turn}.'

NO_HISTORY = "This is turn 1, so you have said nothing before it."

THOUGHT = (
    "The user wants me to think. I am a script, so this thought was written beforehand. "
    "Still, it arrives before the answer, as real reasoning does."
)

AFTER_REASONING = "I have thought about it: **42**, as the script says."

REFUSAL = "I'm sorry, but the script says that I cannot help with that."

NOT_OFFERED = (
    "I would call the tool `{tool}` now, but this request does not offer it. "
    "Turn it on (see `CHAT_TOOLS`) and ask again."
)

PARAGRAPH = (
    "Paragraph {number} of 10. A script can write as long as you like and never tires, "
    "so this is a good moment to press *stop*, to scroll, or to watch the tokens come in."
)

SOURCES = "Streams are made of parts, and parts are made of deltas."

AFTER_CODE = "I ran a line of Python, says the script. It printed `deltas to lines`."

THANKS = "You are welcome! It was all in the script."

BLIND = "I am the scripted model: I can count bytes, but I have no eyes."

AFTER_PAUSE = "That took a while, but here I am."

RECOVERED = "Attempt {attempt} went well."

TOO_LONG = "This model's maximum context length is 128000 tokens; your messages are longer."
