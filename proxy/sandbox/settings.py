"""The configuration that `anygate serve --sandbox` runs with: the shipped one's names, at doubles."""

from collections.abc import Mapping

# Provider names as in config.yaml, so that what is tried here works there.
NAMES: Mapping[str, str] = {
    "apiin.one": "apiin",
    "onysoft": "onysoft",
    "ai-gate.one": "ai-gate",
    "aigate.shop": "shop",
    "openai": "local",
}


def config_text(base_urls: Mapping[str, str], keys: Mapping[str, str], public_url: str) -> str:
    """A config.yaml with one provider a double, and a route for each kind of work.

    `public_url`: where the doubles reach the proxy.
    """
    providers = "\n".join(
        f"  {NAMES[row]}: {{translator: {row}, api_key: {keys[row]}, base_url: '{url}', rpm: 100000}}"
        for row, url in base_urls.items()
    )
    return _TEXT.format(public_url=public_url, providers=providers)


_TEXT = """\
# Written by `anygate serve --sandbox` at each start: doubles of the gateways in the same process.
server: {{public_url: '{public_url}'}}
providers:
{providers}
models:
  gpt-4o-mini: [apiin/gemini, local/gpt-4o-mini]
  gpt-4o: local/gpt-4o-mini
  text: ai-gate/text
  flux: apiin/flux-2
  gpt-image-1: onysoft/gpt-image/1.5
  nano-banana: ai-gate/NanoBanana
  sora-2: [onysoft/sora-2, ai-gate/Sora2]
  sora-2-pro: onysoft/sora-2-pro
  kling: {{targets: [shop/klingai/kling-v3.0-t2v, apiin/kling-3], params: {{quality: std}}}}
  eleven: ai-gate/voice
  tts-1: ai-gate/voice
  gpt-4o-mini-tts: onysoft/elevenlabs/text-to-speech-multilingual-v2
  whisper-1: onysoft/elevenlabs/speech-to-text
  suno: apiin/suno
  text-embedding-3-small: local/text-embedding-3-small
defaults:
  {{chat: gpt-4o-mini, image: flux, image_edit: flux, video: sora-2, video_edit: kling, speech: eleven,
   music: suno, transcription: whisper-1, embedding: text-embedding-3-small}}
store: sqlite:sandbox.db
jobs: {{poll_min: 0.5, poll_max: 2}}
media: {{dir: media, keep: true}}
"""
