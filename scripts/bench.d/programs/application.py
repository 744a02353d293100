"""An application with SQLAlchemy and pgvector that writes, edits, reads and searches chat_messages all along, so many
times a second, until its standard input ends; then it tells in JSON what it saw.

    application.py URL RATE follows|former|check FORMER=LENGTH NEW=LENGTH

`follows` is written as docs/change-the-model.md says: it asks which model the column is of, in the transaction that uses
it. `former` knows one model only and declares nothing, as an application of before the change that nobody restarted.

Its vectors are those of the tests' own embeddings server, so that it knows each text's right vector by each model."""
import hashlib, json, random, sys, threading, time
import numpy
from pgvector.sqlalchemy import Vector
from sqlalchemy import create_engine, func, select, text, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

url, rate, mode = sys.argv[1], float(sys.argv[2]), sys.argv[3]
models = dict((name, int(length)) for name, length in (model.split("=") for model in sys.argv[4:6]))
former, new = models
engine = create_engine(
    url.replace("postgresql://", "postgresql+psycopg://"), pool_size=1,
    # A prepared statement that returns the column fails once the column's vectors have another length.
    connect_args={"prepare_threshold": None})


class Base(DeclarativeBase): pass


class Message(Base):
    __tablename__ = "chat_messages"
    id: Mapped[int] = mapped_column(primary_key=True)
    insight_id: Mapped[int]
    user_id: Mapped[int]
    role: Mapped[str]
    content: Mapped[str]
    embedding: Mapped[list | None] = mapped_column(Vector())


def embed(model, content):
    """As Tests/TestSupport/EmbeddingsServer makes it."""
    seed = content if model == former else f"{model}: {content}"
    start = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "little")
    # SplitMix64, all numbers at once: unsigned integers of numpy wrap round as they have to.
    steps = numpy.arange(1, models[model] + 1, dtype=numpy.uint64)
    state = numpy.uint64(start) + steps * numpy.uint64(0x9E3779B97F4A7C15)
    word = (state ^ (state >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    values = (word >> numpy.uint64(40)).astype(float) / 8388608 - 1
    return (values / numpy.sqrt((values * values).sum())).astype(numpy.float32)


RECORDED = text("""
    SELECT jsonb_path_query_first(fingerprint::jsonb, '$.**.model') #>> '{}' FROM vecfill_column
    WHERE table_id = 'chat_messages'::regclass AND column_name = 'embedding'""")


class Application:
    def __init__(self):
        self.model, self.seen, self.number = former, {}, 0
        self.queries, self.failed, self.wrong, self.longest, self.at = 0, [], [], 0.0, ""

    def transaction(self, lock, work):
        """Runs `work(session, model)` while the column stays of one model."""
        while True:
            with Session(engine) as session, session.begin():
                if mode == "former": return work(session, former)
                session.execute(text(f"LOCK TABLE chat_messages IN {lock} MODE"))
                recorded = session.scalar(RECORDED)
                if recorded == self.model:
                    session.execute(text("SELECT set_config('vecfill.model', :model, true)"), {"model": recorded})
                    return work(session, recorded)
            # Another model: its vectors are made outside of the transaction, and it is tried again.
            self.model = recorded

    def insert(self):
        self.number += 1
        content = f"{'stale' if mode == 'former' else 'live'} {self.number} {random.random()}"
        has_vector = mode == "former" or random.random() < 0.5
        def work(session, model):
            vector = embed(model, content) if has_vector else None
            session.add(Message(insight_id=1, user_id=1, role="user", content=content, embedding=vector))
        self.transaction("ROW EXCLUSIVE", work)

    def edit(self):
        content, has_vector = f"edited {random.random()}", random.random() < 0.5
        def work(session, model):
            key = session.scalar(select(Message.id).order_by(func.random()).limit(1))
            vector = embed(model, content) if has_vector else None
            session.execute(update(Message).where(Message.id == key).values(content=content, embedding=vector))
        self.transaction("ROW EXCLUSIVE", work)

    def search(self):
        def work(session, model):
            vector = embed(model, f"words {random.random()}")
            nearest = Message.embedding.cosine_distance(vector)
            rows = session.execute(
                select(Message.content, Message.embedding).where(Message.embedding.is_not(None)).order_by(nearest).limit(5))
            for content, found in rows.all(): self.check(model, content, found)
        if mode == "follows": self.transaction("ACCESS SHARE", work)

    def read(self):
        def work(session, model):
            rows = session.execute(select(Message.content, Message.embedding).order_by(func.random()).limit(3)).all()
            for content, found in rows: self.check(model, content, found)
        if mode == "follows": self.transaction("ACCESS SHARE", work)

    def check(self, model, content, found):
        self.seen[model] = self.seen.get(model, 0) + 1
        if found is None or not content.strip(): return
        right = embed(model, content)
        found = numpy.asarray(found.to_numpy() if hasattr(found, "to_numpy") else found)
        if len(found) != len(right) or not numpy.allclose(found, right, atol=1e-4):
            self.wrong.append(f"{model}: {content}")

    def run(self, ended):
        due = time.monotonic()
        while not ended.is_set():
            action = random.choice([self.insert, self.insert, self.edit, self.search, self.read])
            began = time.monotonic()
            try: action()
            except Exception as error: self.failed.append(f"{action.__name__}: {str(error)[:300]}")
            self.queries += 1
            took = time.monotonic() - began
            if took > self.longest: self.longest, self.at = took, f"{time.strftime('%H:%M:%S')} {action.__name__}"
            due = max(due + 1 / rate, time.monotonic() - 1)
            ended.wait(max(0, due - time.monotonic()))
        print(json.dumps({
            "queries": self.queries, "failed": self.failed[:5], "failures": len(self.failed), "wrong": self.wrong[:5],
            "wrongs": len(self.wrong), "longestMilliseconds": round(self.longest * 1000), "longestAt": self.at, "seen": self.seen}), flush=True)


if mode == "check":
    application = Application()
    with Session(engine) as session:
        rows = session.execute(select(Message.content, Message.embedding), execution_options={"yield_per": 500})
        for content, found in rows: application.check(new, content, found)
    print(len(application.wrong))
    sys.exit()

ended = threading.Event()
application = Application()
worker = threading.Thread(target=application.run, args=(ended,))
worker.start()
print("ready", flush=True)
sys.stdin.read()
ended.set()
worker.join()
