FROM todo-base:v1
WORKDIR /data
VOLUME /data
EXPOSE 6379
ENTRYPOINT ["redis-server", "--bind", "*", "--protected-mode", "no", "--dir", "/data", "--appendonly", "yes", "--repl-diskless-sync-delay", "0"]
