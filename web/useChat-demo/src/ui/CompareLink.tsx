import { Icon } from './Icon';
import { addressOfComparison } from '../compare/address';

/** Leads to both generations of the client on one prompt. */
export function CompareLink() {
  return (
    <a
      className="quiet compare-link"
      href={addressOfComparison(true)}
      aria-label="Compare both clients"
    >
      <Icon name="compare" />
    </a>
  );
}
