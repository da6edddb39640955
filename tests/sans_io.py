"""The sans-IO modules and the tests that cover each of them to its last branch.

One table for two checks: `tests/test_architecture.py` sees that none of these modules does I/O and
that no other module could be one of them; `python -m tests.module_coverage` sees that a module's
own tests reach every branch of it. Covered by *some* test is not enough: a module's own tests have
to know all that it does.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

# The encoders against the bytes of real servers.
_RECORDED = "protocols/test_documented_deviations.py"

# Modules below app/. Their own tests are in the file of the same name below tests/, and in these.
_MODULES: Mapping[str, Sequence[str]] = {
    "aws/event_stream": (),
    "aws/http_integration": (),
    "aws/invoke_mode": (),
    "aws/prelude_stripper": (),
    "aws/sigv4": (),
    "callables": (),
    "causes": (),
    "chats/plan": (),
    "chats/shown": (),
    "chats/believed": (),
    "chats/earlier": (),
    "chats/old_form": (),
    "chats/stored_form": (),
    "chats/stored_history": (),
    "chats/title": (),
    "chats/user_message": ("chats/test_plan.py",),
    "chats/whole_message": (),
    "cli": (),
    "commands/chat_text": (),
    "content_coding": (),
    "emulator/admission": (),
    "emulator/cors": (),
    "emulator/function_url_event": (),
    "errors": (),
    "events": (),
    "examples/words": (),
    "forbidden_keys": (),
    "grammar": (),
    "growing_text": (),
    "http/chat_options": (),
    "http/chat_turns": (),
    "http/openapi": (),
    "http/openapi_mcp": (),
    "known_secrets": (),
    "lambda_runtime/http_scope": (),
    "lambda_runtime/invocation": (),
    "lambda_runtime/lambda_call": (),
    "lambda_runtime/starting": (),
    "limits/errors": (),
    "limits/quota": (),
    "mcp/cleaning": (),
    "mcp/messages": (),
    "mcp/offering": (),
    "mcp/names": (),
    "mcp/progress": (),
    "mcp/results": (),
    "mcp/servers_file": (),
    "owners/address": (),
    "owners/jwt_check": (),
    "owners/lambda_caller": (),
    "protocols/artifact": (),
    "protocols/chunks": (),
    "protocols/data_stream": (_RECORDED,),
    "protocols/framing": (),
    "protocols/json_text": (),
    "protocols/last_step": (),
    "protocols/model_output": (),
    "protocols/negotiation": (),
    "protocols/page_url": (),
    "protocols/text_stream": (),
    "protocols/tool_result": (),
    "protocols/tool_result_reader": (),
    "protocols/tool_run": (),
    "protocols/tool_stream": (),
    "protocols/tool_stream_reader": (),
    "protocols/ui_message_stream": (_RECORDED,),
    "providers/failures": (),
    "providers/joining": (),
    "providers/openai/arguments": (),
    "providers/openai/call_sizes": (),
    "providers/openai/chat_body": (),
    "providers/openai/chat_chunks": (),
    "providers/openai/chat_decoder": (),
    "providers/openai/citations": (),
    "providers/openai/ids": (),
    "providers/openai/message_parts": (),
    "providers/openai/request_json": (),
    "providers/openai/responses_body": (),
    "providers/openai/responses_builtin": (),
    "providers/openai/responses_calls": (),
    "providers/openai/responses_chunks": (),
    "providers/openai/responses_decoder": (),
    "providers/openai/responses_items": (),
    "providers/openai/responses_proof": (),
    "providers/openai/token_counts": (),
    "providers/openai/tool_calls": (),
    "providers/openers/idle_connections": (),
    "providers/openers/proxy": (),
    "providers/openers/request_head": (),
    "providers/openers/response_framing": (),
    "providers/openers/retries": (),
    "providers/openers/server_address": (),
    "providers/sse": (),
    "requests/amount": (),
    "requests/bearer": (),
    "requests/body": (),
    "requests/conversation": (),
    "requests/envelope": (),
    "requests/fields": (),
    "requests/file_url": (),
    "requests/history": (),
    "requests/lambda_events": (),
    "requests/message_reader": (),
    "requests/past_call": (),
    "requests/representation": (),
    "requests/shapes": (),
    "requests/sites": (),
    "requests/trace_parent": (),
    "requests/value_count": (),
    "requests/web_address": (),
    "scripted_model/chat_request": (),
    "scripted_model/chat_wire": (),
    "scripted_model/checks": (),
    "scripted_model/conversation": (),
    "scripted_model/demo": (),
    "scripted_model/directive": (),
    "scripted_model/responses_request": (),
    "scripted_model/responses_wire": (),
    "scripted_model/sample": (),
    "scripted_model/scenarios": (),
    "scripted_model/script": (),
    "scripted_model/server_sent_events": (),
    "scripted_model/tool_use": (),
    "seldom_warning": (),
    "store/abandoned": (),
    "store/dynamodb_items": (),
    "store/dynamodb_values": (),
    "store/event_log": (),
    "store/log_order": (),
    "store/memory_marks": (),
    "store/message_json": (),
    "store/redis_fields": (),
    "store/redis_keys": (),
    "store/redis_reasons": (),
    "store/redis_script": (),
    "store/redis_url": (),
    "store/redis_wire": (),
    "store/use_record": (),
    "setting_checks": (),
    "setting_kinds": (),
    "telemetry/content": (),
    "telemetry/conventions": (),
    "telemetry/limits": (),
    "telemetry/log": (),
    "telemetry/metrics": (),
    "telemetry/otel_environment": (),
    "telemetry/prometheus": (),
    "telemetry/span_attributes": (),
    "telemetry/span_contexts": (),
    "telemetry/spans": (),
    "telemetry/text_lines": (),
    "telemetry/turn_instruments": (),
    "telemetry/turn_traces": (),
    "tracing": (),
    "telemetry/tracebacks": (),
    "tools/approval": (),
    "tools/canonical_json": (),
    "tools/context": (),
    "tools/definition": (),
    "tools/docstring": (),
    "tools/loading": (),
    "tools/plain_form": (),
    "tools/remote_call": (),
    "tools/result": (),
    "tools/signature": (),
    "tools/strict_schema": (),
    "tools/valid_call": (),
    "turns/answer_size": (),
    "turns/errors": (),
    "turns/merging": (),
    "turns/places": (),
    "turns/progress": (),
    "turns/recorder": (),
    "turns/step": (),
    "turns/transcript": (),
    "turns/turns_here": (),
    "turns/waiting_logs": (),
    "workers/connection_counts": (),
    "workers/handover": (),
    "workers/restarts": (),
    "workers/used_approvals": (),
}


# Modules without a test file of their own, and where they are tested instead (below tests/).
TESTED_ELSEWHERE: Mapping[str, str] = {
    "__main__": "test_cli.py",  # the same as the command line
    "aws/asgi_extensions": "aws/test_behind_adapter.py",  # two names
    "commands/container": "container/test_entrypoint.py",  # the entry point of the image
    "commands/health": "container/test_entrypoint.py",
    "commands/emulate": "emulator/test_program.py",  # passes on what app.emulator has
    # Declarations: what they hold is seen in the running app.
    "http/endpoint": "http/test_lean.py",
    "http/openapi_bodies": "http/test_openapi.py",
    "http/openapi_stored": "http/test_openapi.py",
    "http/page_headers": "http/test_built_page.py",
    "http/tool_stream": "http/test_tools.py",
    "protocols/encoder": "protocols/test_every_encoder.py",  # a Protocol class only
    "providers/provider": "providers/openai/test_chat.py",  # a Protocol class only
    "requests/client_message": "requests/test_message_reader.py",  # what is read: structs only
    # Declarations only: the types of the input, and texts.
    "scripted_model/responses_items": "scripted_model/test_responses_request.py",
    "scripted_model/texts": "scripted_model/test_demo.py",
    # What the flusher asks of a store that has lost something.
    "turns/held": "turns/test_flusher.py",
    # What the default opener and the DynamoDB engine do with their connections.
    "providers/openers/connection_pool": "providers/openers/test_keep_alive.py",
    # Each way to find out who asks, and the choice between them, over HTTP.
    "owners/authentication": "http/test_owners.py",
    "setup/owners": "http/test_owners.py",
    # With the real exporters and collectors.
    "setup/telemetry": "telemetry/test_otlp.py",
    "telemetry/otel_sdk": "telemetry/test_otlp.py",
    # Over HTTP, from one process and from several.
    "http/metrics": "telemetry/test_prometheus.py",
    "http/metrics_port": "telemetry/test_prometheus.py",
    "workers/metric_files": "telemetry/test_prometheus.py",
    # The runtime is one thing in two files.
    "lambda_runtime/invocation_loops": "lambda_runtime/test_runtime.py",
    # Needs a running SSM and Secrets Manager.
    "setup/secrets": "aws/test_secrets.py",
    # The promises, and the stores that break one each.
    "store/checks/at_once": "store/test_broken_stores.py",
    "store/checks/beginning": "store/test_broken_stores.py",
    "store/checks/chats": "store/test_broken_stores.py",
    "store/checks/endings": "store/test_broken_stores.py",
    "store/checks/keys": "store/test_broken_stores.py",
    "store/checks/limits": "store/test_broken_stores.py",
    "store/checks/logs": "store/test_broken_stores.py",
    "store/checks/stores": "store/test_broken_stores.py",
    "store/checks/strange": "store/test_broken_stores.py",
    "store/checks/sweeping": "store/test_broken_stores.py",
    # Faults of the disk.
    # The engine in Redis is one thing in several files.
    "store/redis_chat_scripts": "store/test_redis.py",
    "store/redis_every_script": "store/test_redis_link.py",
    "store/redis_chats": "store/test_redis.py",
    "store/redis_client": "store/test_redis_link.py",
    "store/redis_lane": "store/test_redis_link.py",
    "store/redis_limit_scripts": "store/test_redis.py",
    "store/redis_limits": "store/test_redis.py",
    "store/redis_list_scripts": "store/test_redis.py",
    "store/redis_sweep": "store/test_redis.py",
    "store/redis_turn_scripts": "store/test_redis.py",
    "store/redis_turns": "store/test_redis.py",
    "store/redis_whole_scripts": "store/test_redis.py",
    "turns/superseding": "turns/test_kept_turns.py",
    "store/sqlite_connection": "store/test_sqlite.py",
    # Calls of DynamoDB, which the promises are about.
    "store/dynamodb_chats": "store/test_conformance.py",
    "store/dynamodb_marks": "store/test_conformance.py",
    "store/dynamodb_pages": "store/test_dynamodb.py",
    "store/dynamodb_records": "store/test_dynamodb.py",
    "store/dynamodb_turns": "store/test_conformance.py",
    # Statements, which the promises are about.
    "store/sqlite_chats": "store/test_conformance.py",
    "store/sqlite_limits": "store/test_conformance.py",
    "store/sqlite_turns": "store/test_conformance.py",
    # A session with a real server is one thing in several files.
    "mcp/calling": "mcp/test_sessions.py",
    "mcp/connection": "mcp/test_sessions.py",
    "mcp/opening": "mcp/test_sessions.py",
    # Joins parts; what they do together is seen over sockets.
    "http/following": "http/test_stored.py",
    "http/keeping": "http/test_stored.py",
    "http/reading": "http/test_large_requests.py",
    "setup/limits": "http/test_limiting.py",
    "setup/sites": "http/test_allowed_sites.py",
    # Two structs.
    "limits/limits": "http/test_own_limit.py",
    "http/me": "http/test_limiting.py",
    "setup/keeping": "http/test_stored.py",
    # Two structs.
    "turns/outcome": "turns/test_progress.py",
}

TESTS = Path(__file__).parent


def mirror(module: str) -> Path:
    """Return where the tests of the module ``app/{module}.py`` belong."""
    path = Path(module)
    return TESTS / path.with_name(f"test_{path.name}.py")


# module below app/: its own test files and folders
OWN_TESTS: Mapping[str, Sequence[Path]] = {
    module: [
        path for path in (mirror(module), *(TESTS / more for more in more_tests)) if path.exists()
    ]
    for module, more_tests in _MODULES.items()
}
