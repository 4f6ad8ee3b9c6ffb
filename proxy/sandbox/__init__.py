"""Doubles of the gateways: real HTTP servers on loopback, written from the gateways' own pages.

They serve `anygate serve --sandbox` (short waits, real pictures, a playable video) and the tests
(strict, and steerable). They know nothing of the translators. Each listens on a port of its own:

    async with running(timing=0) as sandbox:            # or start(...) and Sandbox.stop()
        sandbox.base_urls["onysoft"]                     # "http://127.0.0.1:40919/v1"
        double = sandbox["onysoft"]                      # its key: "sandbox-key-onysoft"
        double.fault("submit", cut="after")              # see faults.Fault for what can go wrong
        double.fail_next("too rude", moderation=True)
        await double.until(lambda d: len(d.submits) == 1)

    with in_thread("apiin.one", rpm=60) as sandbox: ...  # the same from synchronous code

`python -m proxy.sandbox` runs them in a process of their own; `control` steers those over HTTP.

Kinds of requests, for `fault` and the log: submit, poll, chat, file, balance, price, models, list,
completions, embeddings, moderations, responses, delete, other; "*" in `fault` is any.

Options, of `running`, `start`, `in_thread`, `Double.configure` and POST /_control/set:

    key                  what the double accepts; "sandbox-key-NAME"
    timing               seconds until a task is ready, by kind, or one number for all of image, video,
                         speech, sound, music, text, and chat (between two chunks)
    timing_scale         a factor for those
    ready_after_polls    so many polls say pending, whatever the clock says
    variants             names from the table below
    files                files.FileOptions' fields: ignore_range, content_type, drip, drip_size,
                         seconds, expired, size
    link_seconds         the same as files.seconds; 1200 on aigate.shop, endless elsewhere
    rpm                  requests a minute, then 429
    balance              an account at 0 is refused
    failed_credits       what apiin.one says a failed task has cost
    image_shape          how onysoft's chat carries pictures: images, content, parts
    reply                what chat says: a string or a function of the prompt

Variants, switched on by `double.variants.add(name)`: none of this is on a gateway's page.

    ai-gate.one
      pending_empty         a pending task answers 200 with an empty body
      pending_202           … answers 202 with an object
      pending_204           … answers 204
      pending_null          … answers the JSON null
      pending_404           … answers 404, as if the id were not known yet
      pending_nulls         … answers {taskId, data: null, url: null}
      pending_status        … answers {taskId, status: "pending"}
      pending_garbage       every second poll of a pending task answers an HTML page with HTTP 200
      wrapped               answers are {status: "success", result: {…}}
      relative_url          results are links without a host: /files/…
      data_url              a file's link stands under data, as a text would
      text_plain            results are JSON under Content-Type text/plain
      fail_error            a failed task answers {taskId, error}
      fail_status           a failed task answers {taskId, status: "failed", message}
      fail_data             a failed task has its words in data, beside type "Fail"
      plain_errors          refusals are text/plain
    aigate.shop
      sparse_chat           chat lacks object, created, index, finish_reason, refusal and logprobs
      image_url             images come as url unless b64_json is asked for
      id_only               submits answer at once, with {id} alone; GET /videos/{id} tells the rest
      id_task_id            submits answer at once, with {task_id} alone
      videos_id             only POST /videos answers at once, with an OpenAI video object
      no_videos_get         GET /videos/{id} is unknown: GET /video/generations/{id} alone answers
      fail_reason_url       a finished task of the latter has its URL in fail_reason
      unknown_first         the first poll says status "unknown" (NOT_START)
      balance_credits       GET /balance answers OpenAI's old credit_summary
      balance_data          GET /balance answers {success, data: {balance}}
    apiin.one
      created_200           submits answer HTTP 200 instead of 202
      pending_page          submits answer {id, status: "pending", model, created_at}, as one page shows
      task_id_camel         submits answer taskId instead of task_id
      task_id_plain         submits answer id instead of task_id
      msg                   envelopes say "msg" instead of "message"
      lower_case            statuses are queued, processing, completed and failed
      response_string       response is one URL instead of a list
      response_object       response is an object: {url} or {urls}
      response_json         response is a JSON string of the list
      code_in_200           errors are HTTP 200 with {code, message} in the envelope
      status_200            a failed task's poll says code 500 in the envelope
      chat_object           a whole chat answer is the other page's: object, no model, no usage
      chat_full             a whole chat answer has all that OpenAI's has
      sparse_chunks         chunks lack object, created, index and finish_reason
      thoughts_in_content   thoughts come as <think>…</think> in the content
      duration_types        hailuo-2.3 takes duration as a string only, the others as a number only
    onysoft
      kie                   polls answer KieAI's record: state, resultJson (a JSON string), failMsg
      kie_states            status holds KieAI's words: waiting, queuing, generating, success, fail
      image_as_video        an image's URL comes under video_url
      result:video_url      a result comes under video_url alone
      result:image_url      a result comes under image_url alone
      result:image_urls     a result comes under image_urls alone
      result:audio_url      a result comes under audio_url alone
      result:audio_urls     a result comes under audio_urls alone
      result:music_url      a result comes under music_url alone
      result:url            a result comes under url alone
      result:urls           a result comes under urls alone
      result:output         a result comes under output alone
      result:result         a result comes under result alone
      result:result_urls    a result comes under result_urls alone
      result:resultUrls     a result comes under resultUrls alone
      result:text           a result comes under text alone
      no_result             a completed task names no result
      success_false         refusals are HTTP 200 with success: false
      fail_success_false    a failed task's poll is success: false with error, on HTTP 200
      fail_msg              a failed task has failMsg instead of error
      error_object          a failed task's error is {code, message}
      voice_500             a voice that is not on the list answers 500
      list:bare             models and video/list answer a bare array
      list:models           … {data: {models: […]}}
      list:videos           … {data: {videos: […]}}
      list:items            … {data: {items: […]}}
    openai
      sparse_chat           chat lacks object, created, index, finish_reason, refusal and logprobs
      image_url             images come as url unless b64_json is asked for
"""

from __future__ import annotations

from .ai_gate_one import AiGateOne
from .aigate_shop import AigateShop
from .apiin_one import ApiinOne
from .core import Double
from .faults import Fault, What
from .onysoft import Onysoft
from .openai import OpenAI
from .seen import Seen
from .server import Sandbox, in_thread, running, start
from .serving import FileOptions
from .tasks import Task

GATEWAYS: dict[str, type[Double]] = {
    double.NAME: double for double in (AiGateOne, AigateShop, ApiinOne, Onysoft, OpenAI)
}

__all__ = [
    "GATEWAYS",
    "Double",
    "Fault",
    "FileOptions",
    "Sandbox",
    "Seen",
    "Task",
    "What",
    "in_thread",
    "running",
    "start",
]
