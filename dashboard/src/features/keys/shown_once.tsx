import { Button } from "@/components/button";
import { CodeBlock } from "@/components/copy";
import { Dialog } from "@/components/dialog";

/** A secret, this once: only who says that it is kept closes it. */
export function ShownOnce({ secret, onClose }: { secret: string; onClose: () => void }) {
  return (
    <Dialog
      open
      firm
      onClose={onClose}
      title="Your key"
      description="Copy it now: it is shown this once, and nobody can read it again."
    >
      <div className="flex flex-col gap-4">
        <CodeBlock label="the key" code={secret} />
        <Button kind="primary" className="self-end" onClick={onClose}>
          I have kept it
        </Button>
      </div>
    </Dialog>
  );
}
