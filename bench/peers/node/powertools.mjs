// Peer (d), the textbook's handler on Node: Powertools' batch processor, a conditional put, an object an order.
import { BatchProcessor, EventType, processPartialResponse } from "@aws-lambda-powertools/batch";
import { DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";

const processor = new BatchProcessor(EventType.KinesisDataStreams);
const table = new DynamoDBClient({});
const s3 = new S3Client({});

async function recordHandler(record) {
  const data = Buffer.from(record.kinesis.data, "base64");
  const order = JSON.parse(data.toString());
  if (!order.customer_id || !(order.amount > 0)) throw new Error("is not an order");
  const orderId = order.order_id ?? crypto.randomUUID();
  await s3.send(
    new PutObjectCommand({
      Bucket: process.env.ARCHIVE_BUCKET,
      Key: `${process.env.ARCHIVE_PREFIX}${orderId}.json`,
      Body: data,
    }),
  );
  try {
    await table.send(
      new PutItemCommand({
        TableName: process.env.TABLE_NAME,
        Item: {
          OrderID: { S: orderId },
          CustomerID: { S: order.customer_id },
          OrderAmount: { N: String(order.amount) },
          OrderDate: { S: order.order_date ?? new Date().toISOString() },
        },
        ConditionExpression: "attribute_not_exists(OrderID)",
      }),
    );
  } catch (error) {
    if (error.name !== "ConditionalCheckFailedException") throw error;
  }
}

export const handle = (event, context) => processPartialResponse(event, recordHandler, processor, { context });
