/**
 * What models write that is no answer: calls that cannot be read, thoughts, tokens of a template. None is a fault of the
 * server.
 */
import { streamText } from '../chat-server.ts';
import { type Behaviour, chunk, json, OK, once, openAiError, raw, SSE } from './behaviour.ts';

export const unreadableWriting: readonly Behaviour[] = [
  ...(
    [
      ['llama.cpp', 500, 'Value is not callable: null at row 12, column 34'],
      ['llama-server', 500, 'Failed to parse input at pos 12: <tool_call>{"name": clock'],
      ['Ollama', 500, 'error parsing tool call: raw=\'{"a":\', err=unexpected end of JSON input'],
      ['Groq', 400, "Failed to call a function. Please adjust your prompt. See 'failed_generation' for more details."],
    ] as const
  ).map(
    ([server, status, message]): Behaviour => ({
      ...{ server, does: `cannot read the tool call that its model wrote (${status})`, skill: 'tool' },
      gives: { answer: 'clock', requests: 2 },
      play: (r, _index, body) =>
        body.tools === undefined
          ? streamText(r, ['{"tool":"clock","arguments":{}}'])
          : json(r, status, openAiError(message)),
    }),
  ),
  {
    ...{ server: 'Gemini', does: 'ends with a call that it cannot read', skill: 'tool' },
    gives: { answer: 'clock', requests: 2 },
    play: (r, _index, body) =>
      body.tools === undefined
        ? streamText(r, ['{"tool":"clock","arguments":{}}'])
        : streamText(r, [''], 'MALFORMED_FUNCTION_CALL'),
  },
  {
    ...{ server: 'any', does: 'ends a repetition', gives: once('engine_no_answer', 'repetition_truncation') },
    play: (r) => streamText(r, ['The the the'], 'repetition_truncation'),
  },
  {
    ...{ server: 'llama-server', does: 'loses its own grammar (500)', skill: 'review' },
    gives: { answer: 'approved', requests: 3 },
    play: (r, _index, body) =>
      body.response_format === undefined
        ? streamText(r, ['{"verdict":"approved","findings":[],"summary":"Fine."}'])
        : json(r, 500, openAiError('Unexpected empty grammar stack after accepting piece: {')),
  },
];

export const thoughtsAndTemplates: readonly Behaviour[] = [
  {
    ...{ server: 'llama-server', does: 'ends thoughts that the template began', gives: OK },
    play: (r) => streamText(r, ['Let me see.\n', '</think>\n\nThe answer.']),
  },
  {
    ...{ server: 'any', does: 'thinks late', gives: OK },
    play: (r) => streamText(r, ['The ', '<think>hm</think>', 'answer.']),
  },
  {
    ...{ server: 'any', does: 'leaks the next turn', gives: OK },
    play: (r) => streamText(r, ['The answer.<|im_end|>\n<|im_start|>user\nAnd?']),
  },
  {
    ...{ server: 'gpt-oss', does: 'sends its channels as text', gives: OK },
    play: (r) =>
      streamText(r, [
        '<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>The answer.<|return|>',
      ]),
  },
  {
    ...{ server: 'Magistral', does: 'thinks in [THINK]', gives: OK },
    play: (r) => streamText(r, ['[THINK]hm[/THINK]The answer.']),
  },
  {
    ...{ server: 'any', does: 'writes escapes and half characters', gives: OK },
    play: (r) => streamText(r, ['\u001b]0;owned\u0007The \u0000ans', 'wer.\u001b[31m']),
  },
  ...(
    [
      ['Gemma', 'thinks between words that its vocabulary has to spare', '<unused94>thought\nhm<unused95>The answer.'],
      ['Gemma', 'thinks in a channel', '<|channel>thought\nhm<channel|>The answer.'],
      ['Hunyuan', 'puts its answer into a frame', '<think>\nhm\n</think>\n<answer>\nThe answer.\n</answer>'],
      ['GLM', 'puts its answer into a box', '<think>hm</think><|begin_of_box|>The answer.<|end_of_box|>'],
      [
        'gpt-oss',
        'constrains its last channel',
        '<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final <|constrain|>json<|message|>The answer.',
      ],
      ['Reflection', 'thinks twice', '<thinking>hm</thinking><reflection>hm</reflection>The answer.'],
      ['any', 'says first who speaks', 'assistant\n\nThe answer.'],
      ['gpt-oss', 'loses the marks of its channels', 'analysisWe have to say why.assistantfinalThe answer.'],
      ['Granite', 'thinks in words', 'Here is my thought process:\nHm.\n\nHere is my response:\nThe answer.'],
      ['Llama 4', 'shows its template', '<|header_start|>assistant<|header_end|>\n\nThe answer.<|eot|>'],
      ['Command R', 'shows its template', 'The answer.<|END_OF_TURN_TOKEN|>'],
      ['Granite', 'shows its template', '<|start_of_role|>assistant<|end_of_role|>The answer.<|end_of_text|>'],
      ['Apertus', 'thinks in a prefix', '<|inner_prefix|>Hm.<|inner_suffix|>The answer.<|assistant_end|>'],
      ['DeepSeek', 'asks itself', 'The answer.<｜User｜>And?'],
      ['Gemma', 'fills up its turn', '<bos>The answer.<eos><pad><pad>'],
      ['Phi-4', 'shows its template', '<|im_start|>assistant<|im_sep|>The answer.<|im_end|>'],
      ['Mistral', 'says the question again', ' [INST] Why? [/INST] The answer.'],
      ['Open WebUI', 'folds up thoughts', '<details type="reasoning"><summary>3 s</summary>Hm.</details>\nThe answer.'],
    ] as const
  ).map(([server, does, text]): Behaviour => ({ ...{ server, does, gives: OK }, play: (r) => streamText(r, [text]) })),
  {
    ...{ server: 'OpenRouter', does: 'tells its thoughts as details', gives: OK },
    play: (r) =>
      raw(
        r,
        SSE,
        `${chunk({ reasoning_details: [{ type: 'reasoning.text', text: 'hm' }], content: '' })}${chunk({ content: 'The answer.' }, 'stop')}data: [DONE]\n\n`,
      ),
  },
  {
    ...{ server: 'any', does: 'thinks without an end', gives: once('engine_no_answer', 'thought for') },
    play: (r) => streamText(r, ['<think>I should say']),
  },
];
