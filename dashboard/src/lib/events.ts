export interface Told {
  event: string;
  data: string;
}

/** Splits server-sent events; what is not whole yet is given back. */
export function eventsIn(text: string): { events: Told[]; rest: string } {
  const blocks = text.split("\n\n");
  const rest = blocks.pop() ?? "";
  const events = blocks.map((block) => {
    const told: Told = { event: "message", data: "" };
    for (const line of block.split("\n")) {
      if (line.startsWith("event:")) told.event = line.slice(6).trim();
      else if (line.startsWith("data:")) told.data += line.slice(5).trim();
    }
    return told;
  });
  return { events, rest };
}
