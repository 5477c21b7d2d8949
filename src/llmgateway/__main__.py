"""`python -m llmgateway`: the command line without its script."""

from llmgateway.cli import main

if __name__ == "__main__":
    main()
