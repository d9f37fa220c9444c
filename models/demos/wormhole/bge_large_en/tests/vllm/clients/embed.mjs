// SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
//
// SPDX-License-Identifier: Apache-2.0

// OpenAI's client for node at its defaults: it asks for base64 and decodes it.
import OpenAI from "openai";

const { url, name, texts } = JSON.parse(process.argv.at(-1));
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "unused" });
const found = await client.embeddings.create({ model: name, input: texts });
console.log(JSON.stringify(found.data.map((item) => item.embedding)));
