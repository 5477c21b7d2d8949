import { expect, it } from "vitest";

import { eventsIn } from "@/lib/events";

it("keeps what is not whole yet", () => {
  const { events, rest } = eventsIn('event: request\ndata: {"id":1}\n\n: keepalive\n\nevent: tot');
  expect(events.filter((one) => one.data)).toEqual([{ event: "request", data: '{"id":1}' }]);
  expect(rest).toBe("event: tot");
});
