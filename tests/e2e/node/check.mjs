// What an application with OpenAI's Node SDK does, against a proxy: node check.mjs BASE_URL
// Prints one line a check, "ok NAME" or "not ok NAME: why"; the exit code is 1 if one failed.

import assert from "node:assert/strict";
import OpenAI, { toFile } from "openai";

const client = new OpenAI({ apiKey: "no-key", baseURL: process.argv[2], maxRetries: 0, timeout: 30_000 });
const messages = [{ role: "user", content: "Say hello" }];
const routes = ["gpt-4o-mini", "chat-openai", "chat-onysoft", "chat-shop", "chat-text"];
const tool = { type: "function", function: { name: "get_weather", parameters: { type: "object", properties: { city: { type: "string" } } } } };
const png = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");

const checks = {
  async chat() {
    for (const model of routes) {
      const made = await client.chat.completions.create({ model, messages });
      assert.match(made.choices[0].message.content, /hello/i, model);
      assert.equal(made.choices[0].finish_reason, "stop");
    }
  },

  async "chat, streamed"() {
    for (const model of routes) {
      let text = "";
      let usage = null;
      const asked = { model, messages, stream: true, stream_options: { include_usage: true } };
      for await (const chunk of await client.chat.completions.create(asked)) {
        text += chunk.choices[0]?.delta?.content ?? "";
        usage = chunk.usage ?? usage;
      }
      assert.match(text, /hello/i, model);
      assert.ok(usage.total_tokens > 0, model);
    }
  },

  async "tools, streamed"() {
    const stream = client.chat.completions.stream({ model: "chat-openai", messages, tools: [tool] });
    const final = await stream.finalChatCompletion();
    assert.equal(final.choices[0].finish_reason, "tool_calls");
    assert.equal(final.choices[0].message.tool_calls[0].function.name, "get_weather");
  },

  async "responses, streamed"() {
    const stream = client.responses.stream({ model: "openai/gpt-4o", input: "Say hello" });
    const final = await stream.finalResponse();
    assert.match(final.output_text, /hello/i);
  },

  async "a stream given up"() {
    const stream = await client.chat.completions.create({ model: "chat-openai", messages, stream: true });
    for await (const chunk of stream) {
      assert.ok(chunk.id);
      break;
    }
  },

  async models() {
    const names = [];
    for await (const one of client.models.list()) names.push(one.id);
    assert.ok(names.includes("sora-2"));
    assert.equal((await client.models.retrieve("openai/gpt-4o")).id, "openai/gpt-4o");
  },

  async images() {
    for (const model of ["flux", "nano-banana"]) {
      const made = await client.images.generate({ model, prompt: "A red square", n: 2, size: "1024x1024" });
      assert.equal(made.data.length, 2);
      assert.equal(Buffer.from(made.data[0].b64_json, "base64").subarray(1, 4).toString(), "PNG");
    }
  },

  async "images, edited"() {
    const image = await toFile(png, "a.png", { type: "image/png" });
    const made = await client.images.edit({ model: "openai/gpt-image-1", image, prompt: "Bluer" });
    assert.ok(made.data[0].b64_json);
  },

  async videos() {
    for (const model of ["sora-2", "kling", "kling-shop"]) {
      let video = await client.videos.create({ model, prompt: "A cat", seconds: "8", size: "1280x720" });
      assert.equal(video.object, "video");
      while (video.status === "queued" || video.status === "in_progress") {
        video = await client.videos.retrieve(video.id);
      }
      assert.equal(video.status, "completed", model);
      const content = Buffer.from(await (await client.videos.downloadContent(video.id)).arrayBuffer());
      assert.equal(content.subarray(4, 8).toString(), "ftyp");
      const listed = [];
      for await (const one of client.videos.list()) listed.push(one.id);
      assert.ok(listed.includes(video.id));
      assert.equal((await client.videos.delete(video.id)).deleted, true);
    }
  },

  async errors() {
    const tried = [
      [OpenAI.NotFoundError, "model_not_found", () => client.chat.completions.create({ model: "nope", messages })],
      [OpenAI.BadRequestError, "missing_required_parameter", () => client.chat.completions.create({ model: "chat-openai" })],
      [OpenAI.BadRequestError, "unsupported_parameter", () => client.chat.completions.create({ model: "chat-text", messages, tools: [tool] })],
      [OpenAI.NotFoundError, "not_found", () => client.videos.retrieve("video_nope")],
      [OpenAI.BadRequestError, "unsupported_value", () => client.videos.create({ model: "sora-2", prompt: "x", seconds: "900" })],
    ];
    for (const [kind, code, ask] of tried) {
      await assert.rejects(ask, (error) => error instanceof kind && error.code === code && Boolean(error.requestID));
    }
  },

  async "an error within a stream"() {
    const asked = { model: "broken", messages, stream: true };
    await assert.rejects(async () => {
      for await (const chunk of await client.chat.completions.create(asked)) assert.ok(chunk.id);
    }, OpenAI.APIError);
  },
};

for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
    console.log(`ok ${name}`);
  } catch (error) {
    console.log(`not ok ${name}: ${error.stack ?? error}`);
    process.exitCode = 1;
  }
}
