import { ImagePlus, Trash2 } from "lucide-react";
import { type ChangeEvent, useRef, useState } from "react";

import { Button, IconButton } from "@/components/button";

const MOST_BYTES = 4_000_000;

interface Props {
  images: readonly string[];
  onChange: (images: readonly string[]) => void;
}

function read(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as string);
    reader.onerror = () => reject(reader.error ?? new Error("The picture cannot be read."));
    reader.readAsDataURL(file);
  });
}

/** Pictures that go with the prompt. */
export function ImagePicker({ images, onChange }: Props) {
  const input = useRef<HTMLInputElement>(null);
  const [left, setLeft] = useState<readonly string[]>([]);
  const add = async ({ target }: ChangeEvent<HTMLInputElement>): Promise<void> => {
    const files = [...(target.files ?? [])];
    target.value = ""; // the same one may be chosen again
    setLeft(files.filter((file) => file.size > MOST_BYTES).map((file) => file.name));
    onChange([...images, ...(await Promise.all(files.filter((file) => file.size <= MOST_BYTES).map(read)))]);
  };
  return (
    <div className="flex flex-col gap-2">
      <div className="flex flex-wrap items-center gap-3">
        <Button icon={<ImagePlus aria-hidden className="size-4" />} onClick={() => input.current?.click()}>
          Add pictures
        </Button>
        <span className="text-caption text-faint">Up to 4 MB each, for models that see.</span>
      </div>
      <input
        ref={input}
        aria-label="Pictures"
        type="file"
        accept="image/*"
        multiple
        hidden
        onChange={(event) => void add(event)}
      />
      {left.length > 0 ? (
        <p role="alert" className="text-caption text-red">
          Left out, larger than 4 MB: {left.join(", ")}.
        </p>
      ) : null}
      {images.length > 0 ? (
        <ul className="flex flex-wrap gap-2">
          {images.map((image, place) => (
            <li key={place} className="flex items-start">
              <img
                src={image}
                alt={`Number ${place + 1} of what goes with the prompt`}
                className="h-16 rounded border border-line"
              />
              <IconButton
                label={`Take picture ${place + 1} out`}
                onClick={() => onChange(images.filter((_, at) => at !== place))}
              >
                <Trash2 aria-hidden className="size-4" />
              </IconButton>
            </li>
          ))}
        </ul>
      ) : null}
    </div>
  );
}
