# crawl, label, process, pairs and the evaluator:
#   docker build -t flickrexif .
#   docker run --rm -v "$PWD/data:/data" flickrexif crawl --month 2024-08 --sandbox --target 200
# With --build-arg PIP_EXTRA_INDEX_URL= and the address of torch's builds for CPUs it is 3 GB smaller.
FROM python:3.11-slim
ARG PIP_EXTRA_INDEX_URL
ENV FLICKREXIF_DATA=/data PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY pyproject.toml constraints.txt MANIFEST.in README.md LICENSE NOTICE ./
COPY cards cards
COPY collectors collectors
COPY eval eval
COPY flickrexif flickrexif
COPY paircams paircams
COPY processing processing
RUN pip install --constraint constraints.txt ".[eval,heic,offline,pairs,sandbox]"
WORKDIR /data
VOLUME /data
ENTRYPOINT ["flickrexif"]
CMD ["--help"]
