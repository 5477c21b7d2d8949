/** Copies a text; false where the browser does not let a page do it. */
export async function copyText(text: string, beside: Element | null): Promise<boolean> {
  // Without https there is no clipboard, whatever the types say.
  const clipboard = navigator.clipboard as Clipboard | undefined;
  try {
    if (!clipboard) return copyBySelecting(text, beside ?? document.body);
    await clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelecting(text, beside ?? document.body);
  }
}

/** The old way: a field that nobody sees. It stands beside the button, or an open dialog takes its focus away. */
function copyBySelecting(text: string, beside: Element): boolean {
  const before = document.activeElement;
  const field = document.createElement("textarea");
  field.value = text;
  field.readOnly = true;
  field.setAttribute("aria-hidden", "true");
  field.className = "fixed top-0 left-0 size-px opacity-0";
  beside.append(field);
  field.select();
  try {
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    return document.execCommand("copy");
  } catch {
    return false;
  } finally {
    if (before instanceof HTMLElement) before.focus();
    field.remove();
  }
}
