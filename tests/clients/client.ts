// Call a service through the types that openapi-typescript generates. Arguments: address, key.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

const [baseUrl, key] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl: baseUrl!, headers: { Authorization: `Bearer ${key}` } });

function answered<T>(answer: { data?: T; error?: unknown }): T {
  if (answer.data === undefined) throw new Error(JSON.stringify(answer.error));
  return answer.data;
}

const polls: components["schemas"]["NewObservations"] = {
  observations: [{ store_id: "cafe", observed_at: "2023-01-23T15:14:00Z", status: "active" }],
};
const pushed = answered(await client.POST("/v1/observations", { body: polls }));
const stores = answered(await client.GET("/v1/stores", { params: { query: { limit: 2 } } }));
let report = answered(await client.POST("/v1/reports", { body: { policy: "fill" } }));
const path = { report_id: report.report_id };
while (report.state === "queued" || report.state === "running") {
  await new Promise((resolve) => setTimeout(resolve, 50));
  report = answered(await client.GET("/v1/reports/{report_id}", { params: { path } }));
}
const file = answered(await client.GET("/v1/reports/{report_id}/file", { params: { path }, parseAs: "text" }));
const refused = await client.GET("/v1/stores/{store_id}", { params: { path: { store_id: "cafee" } } });
console.log(
  JSON.stringify({
    accepted: pushed.accepted,
    stores: stores.items.map((store) => [store.store_id, store.timezone, store.state]),
    rows: report.figures?.rows,
    file,
    refused: [refused.error?.status, refused.error?.type],
  }),
);
