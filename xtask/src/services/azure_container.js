// Makes a container in an emulator of Azure: node -e SCRIPT HOST:PORT ACCOUNT KEY CONTAINER
const [address, account, key, container] = process.argv.slice(1);
const date = new Date().toUTCString(), version = "2021-12-02";
const text = ["PUT", ...Array(11).fill(""), `x-ms-date:${date}`, `x-ms-version:${version}`,
  `/${account}/${account}/${container}`, "restype:container"].join("\n");
const signature = require("crypto").createHmac("sha256", Buffer.from(key, "base64"))
  .update(text, "utf8").digest("base64");
const headers = { "x-ms-date": date, "x-ms-version": version,
  authorization: `SharedKey ${account}:${signature}`, "content-length": 0 };
const [host, port] = address.split(":");
require("http").request({ host, port, method: "PUT", headers,
  path: `/${account}/${container}?restype=container` }, (answer) => {
  if (![201, 409].includes(answer.statusCode)) { console.error(answer.statusCode); process.exit(1); }
  answer.resume();
}).end();
