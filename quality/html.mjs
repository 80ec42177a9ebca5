// Reads pages with html-validate and with caniemail's table of what mail programs understand.
// In: names of files. Out: one JSON object per finding and line, {checker, file, rule, message}.
import { readFileSync } from "node:fs";
import { caniemail } from "caniemail";
import { HtmlValidate, StaticConfigLoader } from "html-validate";

const CLIENTS = [
  "apple-mail.ios", "apple-mail.macos",
  "gmail.android", "gmail.desktop-webmail", "gmail.ios",
  "outlook.android", "outlook.ios", "outlook.macos", "outlook.outlook-com", "outlook.windows",
];

const htmlValidate = new HtmlValidate(new StaticConfigLoader({
  root: true,
  extends: ["html-validate:recommended", "html-validate:document"],
  rules: {
    "no-inline-style": "off", // Gmail for accounts of others keeps no other style
    "no-conditional-comment": "off", // the ghost tables of classic Outlook
    "no-deprecated-attr": "off", // cellpadding and align: Outlook knows nothing newer
    "prefer-tbody": "off", // the ghost tables again
    "prefer-native-element": "off", // MJML writes role="article" on a div: mail programs drop <article>
    "wcag/h30": "error",
    "no-dup-id": "error",
  },
}));

const tell = (checker, file, rule, message) => console.log(JSON.stringify({ checker, file, rule, message }));

for (const file of process.argv.slice(2)) {
  const html = readFileSync(file, "utf8");
  const report = await htmlValidate.validateString(html, file);
  for (const { messages } of report.results)
    for (const { ruleId, message, line, column } of messages)
      tell("html-validate", file, ruleId, `${message} (${line}:${column})`);
  const features = new Map();
  for (const [client, issues] of caniemail({ clients: CLIENTS, html }).issues.errors)
    for (const { title } of issues) features.set(title, (features.get(title) ?? new Set()).add(client));
  for (const [title, clients] of features) tell("caniemail", file, title, `not in ${[...clients].sort().join(", ")}`);
}
