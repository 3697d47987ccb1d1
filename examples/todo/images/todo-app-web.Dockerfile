FROM todo-base:v1
COPY todo-app /usr/local/bin/todo-app
EXPOSE 3000
USER 65534:65534
HEALTHCHECK CMD wget -q -O /dev/null http://127.0.0.1:3000/health
CMD ["todo-app"]
