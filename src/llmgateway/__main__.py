"""The program. What it imports stays until its end, so the collector need not look at it, neither meanwhile nor later."""

import gc

gc.disable()

from llmgateway.cli import main  # noqa: E402 after the line above, or the collector goes through it a dozen times

gc.freeze()
gc.enable()

if __name__ == "__main__":
    main()
