import Link from "next/link";
import { AddToCart } from "./add-to-cart";

export default function Page() {
  return (
    <main>
      <AddToCart product="course-123" />
      <Link href="/cart">Cart</Link>
    </main>
  );
}
