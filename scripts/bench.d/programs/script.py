"""What a careful engineer writes in an afternoon: openai's AsyncOpenAI, a semaphore, psycopg's executemany (which pipelines)
and pgvector's adapter, two connections. No ledger: `script.py DATABASE_URL BASE_URL CONCURRENCY`."""
import asyncio, sys

import psycopg
from openai import AsyncOpenAI
from pgvector import Vector
from pgvector.psycopg import register_vector_async

database, base_url, concurrency = sys.argv[1], sys.argv[2], int(sys.argv[3])


async def connect():
    connection = await psycopg.AsyncConnection.connect(database)
    await register_vector_async(connection)
    return connection


async def main():
    reader, writers = await connect(), asyncio.Queue()
    for _ in range(2): writers.put_nowait(await connect())
    client, free, written = AsyncOpenAI(base_url=base_url, api_key="none"), asyncio.Semaphore(concurrency), 0

    async def fill(rows):
        nonlocal written
        try:
            answer = await client.embeddings.create(model="text-embedding-3-small", input=[text for _, text in rows])
            writer = await writers.get()
            async with writer.transaction(), writer.cursor() as cursor:
                await cursor.executemany("UPDATE messages SET embedding = %b WHERE id = %s",
                                         [(Vector(item.embedding), rows[item.index][0]) for item in answer.data])
                written += cursor.rowcount
            writers.put_nowait(writer)
        finally:
            free.release()

    after = 0
    async with asyncio.TaskGroup() as tasks:
        while True:
            await free.acquire()
            cursor = await reader.execute(
                "SELECT id, content FROM messages WHERE id > %s AND embedding IS NULL ORDER BY id LIMIT 100", (after,))
            rows = await cursor.fetchall()
            await reader.commit()
            if not rows: break
            after = rows[-1][0]
            tasks.create_task(fill(rows))
    print(written)


asyncio.run(main())
