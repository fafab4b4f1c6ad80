import { AddToCart } from "../add-to-cart";

export default function Cart() {
  return <AddToCart product="course-456" />;
}
